#' How a network is trained
#'
#' Optimizers for [neuralee()] and [fine_tune()]: what they are given makes a step out of the
#' gradient of E.
#'
#' With the learning rate \eqn{\eta}, the gradient g and the weights w:
#' * `adam()`: \eqn{m \leftarrow \beta_1 m + (1 - \beta_1) g},
#'   \eqn{v \leftarrow \beta_2 v + (1 - \beta_2) g^2},
#'   \eqn{w \leftarrow w - \eta \hat m / (\sqrt{\hat v} + \epsilon)} with the bias-corrected
#'   \eqn{\hat m, \hat v}.
#' * `adamw()`: the same, with weights that shrink by \eqn{\eta} times `weight_decay` in each step.
#' * `sgd()`: \eqn{b \leftarrow} `momentum` \eqn{b + g}, \eqn{w \leftarrow w - \eta b}.
#'
#' Only the weights of the layers decay, not biases and the parameters of batch normalisation.
#'
#' @param lr Learning rate, greater than 0.
#' @param beta1,beta2 Memory of the means of the gradient and of its square, 0 to 1.
#' @param eps Added to the root of the latter, greater than 0.
#' @param weight_decay Pull of the weights towards 0, at least 0: added to the gradient by `adam()`
#'   and `sgd()`, apart from it in `adamw()`.
#' @param momentum Share of the last step that is taken again, 0 to 1.
#' @param nesterov Look ahead along it (Nesterov's momentum)?
#' @param schedule How the rate changes over the run: the name of a decay, or an object of
#'   `lr_schedule()`.
#' @param decay Course of the rate after the warm-up: `"constant"`; `"linear"`, `"cosine"` or
#'   `"exponential"` to `last` times the rate at the end of the run; `"step"`: times `factor` every
#'   `every` epochs.
#' @param warmup Epochs over which the rate grows from 0 first.
#' @param last Factor of the rate at the end, 0 to 1; not 0 for an exponential decay.
#' @param every,factor Of the step decay.
#' @return Objects of class `neuralee_optimizer` and `neuralee_schedule`.
#' @section Errors:
#' `neuralee_error_input` for values out of range.
#' @references
#' Kingma DP, Ba J (2015). Adam: a method for stochastic optimization. *ICLR*.
#'
#' Loshchilov I, Hutter F (2019). Decoupled weight decay regularization. *ICLR* (`adamw()`); and
#' (2017), SGDR: stochastic gradient descent with warm restarts, *ICLR* (cosine decay).
#' @examples
#' adam()
#' adamw(lr = 0.005, weight_decay = 0.1, schedule = "cosine")
#' sgd(lr = 0.1, schedule = lr_schedule("step", every = 100, factor = 0.5, warmup = 10))
#' @export
adam <- function(lr = 0.01, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0,
                 schedule = "constant") {
  new_optimizer("adam", lr, weight_decay, schedule, beta1 = beta1, beta2 = beta2, eps = eps)
}

#' @rdname adam
#' @export
adamw <- function(lr = 0.01, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01,
                  schedule = "constant") {
  new_optimizer("adamw", lr, weight_decay, schedule, beta1 = beta1, beta2 = beta2, eps = eps)
}

#' @rdname adam
#' @export
sgd <- function(lr = 0.01, momentum = 0.9, nesterov = FALSE, weight_decay = 0,
                schedule = "constant") {
  check_flag(nesterov, "nesterov")
  optimizer <- new_optimizer(
    "sgd", lr, weight_decay, schedule, momentum = momentum, nesterov = nesterov
  )
  if (nesterov && momentum == 0) {
    abort_neuralee(
      "input", "`nesterov` is TRUE, but `momentum` is 0.", "Give a momentum greater than 0."
    )
  }
  optimizer
}

#' @rdname adam
#' @export
lr_schedule <- function(decay = c("constant", "linear", "cosine", "exponential", "step"),
                        warmup = 0, last = 0.01, every = 100, factor = 0.1) {
  decay <- match_choice(decay, "decay", decays)
  warmup <- check_count(warmup, "warmup", min = 0)
  last <- check_number(last, "last", min = 0, max = 1)
  if (decay == "exponential" && last == 0) {
    abort_neuralee(
      "input", "An exponential decay never comes to 0.", "Give `last` greater than 0, such as 0.01."
    )
  }
  every <- check_count(every, "every", min = 1)
  factor <- check_number(factor, "factor", above = 0, max = 1)
  structure(
    list(decay = decay, warmup = warmup, last = last, every = every, factor = factor),
    class = "neuralee_schedule"
  )
}

decays <- c("constant", "linear", "cosine", "exponential", "step")

new_optimizer <- function(method, lr, weight_decay, schedule, ...) {
  lr <- check_number(lr, "lr", above = 0)
  weight_decay <- check_number(weight_decay, "weight_decay", min = 0)
  own <- list(...)
  for (name in setdiff(names(own), c("eps", "nesterov"))) {
    own[[name]] <- check_number(own[[name]], name, min = 0, max = 1)
    if (own[[name]] == 1) refuse_argument(1, name, "one number of at least 0 and below 1")
  }
  if ("eps" %in% names(own)) own$eps <- check_number(own$eps, "eps", above = 0)
  if (!inherits(schedule, "neuralee_schedule")) {
    schedule <- lr_schedule(match_choice(schedule, "schedule", decays))
  }
  structure(
    c(list(method = method, lr = lr, weight_decay = weight_decay, schedule = schedule), own),
    class = "neuralee_optimizer"
  )
}

#' @export
format.neuralee_schedule <- function(x, ...) {
  decay <- switch(x$decay,
    constant = "constant",
    step = sprintf("times %s every %d epochs", format(x$factor), x$every),
    sprintf("%s to %s of it", x$decay, format(x$last))
  )
  paste0(decay, if (x$warmup > 0L) sprintf(" after %d epochs of warm-up", x$warmup))
}

#' @export
print.neuralee_schedule <- function(x, ...) {
  cat("Learning rate:", format(x), "\n")
  invisible(x)
}

#' @export
format.neuralee_optimizer <- function(x, ...) {
  paste0(
    x$method, ", lr ", format(x$lr),
    if (x$schedule$decay != "constant" || x$schedule$warmup > 0L) sprintf(
      " (%s)", format(x$schedule)
    ),
    if (x$weight_decay > 0) sprintf(", weight decay %s", format(x$weight_decay)),
    if (x$method == "sgd") {
      sprintf(", momentum %s%s", format(x$momentum), if (x$nesterov) " (Nesterov)" else "")
    }
  )
}

#' @export
print.neuralee_optimizer <- function(x, ...) {
  cat("Optimizer:", format(x), "\n")
  invisible(x)
}
