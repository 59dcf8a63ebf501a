# New cells on a map: what fits of ee() and networks share.

# How a map was made, in the words of the core; `settings` are those of a fit or a model.
map_options <- function(settings, kernel) {
  list(
    kernel = kernel, lambda = settings$lambda, seed = settings$seed,
    terms = list(
      agreement = settings$agreement %||% 0, uniform = settings$uniform %||% 0,
      densities = settings$densities %||% 0
    ),
    affinity = neighbor_options(settings$affinity, settings$perplexity, settings$k, NULL)$affinity
  )
}

# Places of `new` cells on the map `places` of the cells `x`: each alone. If they are placed
# `together`, they go on from there with regard to each other.
place_on_map <- function(x, places, weights, new, together, options, threads, progress) {
  place <- function(starts) {
    rust_call(rs_map_place(x, places, weights, new, starts, options, threads, progress))
  }
  alone <- place(NULL)
  if (together) place(alone) else alone
}

# Refuses what cannot be placed together before anything is computed. `cells` old and new ones have
# `inputs` features, and the map `d` dimensions.
check_room_together <- function(options, cells, inputs, d) {
  perplexity <- options$affinity$perplexity
  if (perplexity >= min(options$affinity$k, cells - 1)) {
    abort_neuralee(
      "perplexity",
      sprintf(
        "The map has perplexity %s, but there are only %.0f cells to be neighbours.",
        format(perplexity), cells - 1
      ),
      "Give more cells as `data`."
    )
  }
  rust_call(rs_map_check_together(cells, inputs, d, options$affinity, memory_limit()))
}
