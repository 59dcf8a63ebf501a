"""openTSNE on the first n rows of a NumPy file: peers.py POINTS.npy N OUT.csv"""

import sys

import numpy
import openTSNE

points, n, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
x = numpy.load(points, mmap_mode="r")[:n].astype(float)
embedding = openTSNE.TSNE(perplexity=30, n_jobs=2, random_state=42).fit(x)
numpy.savetxt(out, embedding, delimiter=",", fmt="%.6g")
