# New cells on a map, each by itself or by each other: what fits of ee() and networks share.

# Refuses what cannot be placed together before anything is computed. `settings` are those of the
# map; returns them with k and what else the search needs. `old` and `new` are numbers of cells.
joining_settings <- function(settings, old, new, inputs, d) {
  cells <- old + new
  perplexity <- settings$perplexity
  k <- min(settings$k, cells - 1)
  if (perplexity >= k) {
    abort_neuralee(
      "perplexity",
      sprintf(
        "The map has perplexity %s, but there are only %.0f cells to be neighbours.",
        format(perplexity), cells - 1
      ),
      "Give more cells as `data`."
    )
  }
  rust_call(rs_ee_join_check(cells, inputs, as.integer(k), d, "auto", memory_limit()))
  list(
    perplexity = perplexity, k = as.integer(k), search = search_of(settings$affinity),
    kernel = settings$kernel %||% "gaussian", lambda = settings$lambda,
    seed = settings$seed %||% rs_ee_defaults()$seed
  )
}

# `old` and `new`: inputs of the cells in rows; `map`: places of the old ones, `starts`: of the new
# ones.
place_together <- function(old, map, new, starts, settings, threads, progress) {
  rust_call(
    rs_ee_join(
      old, map, new, starts, settings$perplexity, settings$k, settings$search, "auto",
      settings$kernel, settings$lambda, settings$seed, threads, progress
    )
  )
}
