// Package stats holds the statistics by which gates decide. It is pure:
// numbers in, numbers out.
//
// Results are the same on every architecture: products that feed sums are
// rounded first, because arm64 would fuse them otherwise.
//
// Every interval takes a two-sided confidence. A gate that decides by one
// bound, one-sided at 0.95, asks for 0.90. Arguments that make no sense give
// the widest interval and the p-value 1: nothing is known, nothing is shown.
package stats
