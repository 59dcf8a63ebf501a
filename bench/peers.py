"""One method on the first n rows (or all) of a NumPy file, two threads:
peers.py openTSNE|umap-learn|densMAP POINTS.npy N|all OUT.csv SEED"""

import sys

import numpy


def embed(method, x, seed):
    if method == "openTSNE":
        import openTSNE

        return openTSNE.TSNE(perplexity=30, n_jobs=2, random_state=seed).fit(x)
    import umap

    # A random_state would put UMAP on one thread.
    numpy.random.seed(seed)
    return umap.UMAP(n_jobs=2, densmap=method == "densMAP").fit_transform(x)


method, points, n, out, seed = sys.argv[1:6]
x = numpy.load(points, mmap_mode="r")
x = x[: len(x) if n == "all" else int(n)].astype(float)
numpy.savetxt(out, embed(method, x, int(seed)), delimiter=",", fmt="%.6g")
