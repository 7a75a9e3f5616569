// Package artifact turns the files of a model or dataset into an OCI artifact
// and back.
//
//	files, err := artifact.Scan(ctx, root, a, cache, nil) // globs -> paths, sizes, digests
//	enc, err := artifact.Encode(a.Kind, files)            // -> manifest, config, layers; pure
//	_, err = artifact.Push(ctx, repo, enc, files, artifact.Dir(dir), transfer.Options{})
//
//	remote, err := artifact.Read(ctx, repo, enc.Digest()) // hostile input, checked
//	_, err = artifact.Pull(ctx, remote, repo, dir, artifact.PullOptions{})
//
// # What does not change
//
// The identity of an artifact is its content digest, which knows nothing of
// OCI. Encode is the one encoding of it: equal files give equal manifest
// bytes, in any order, on every machine, in every release. Therefore nothing
// that Encode uses may change any more: the order of layers, the table of
// media types, the annotations, the constants in them. Golden files in
// testdata hold it.
//
// # The layout
//
// A model is a ModelPack (model-spec 0.0.7) with one uncompressed layer for
// each file, so that the digest of a layer is the digest of its file, and
// oras, modctl, CRI-O and Docker Model Runner find files under the names they
// look for. A dataset has its own artifact type, the empty config, and layers
// of ModelPack's media type for datasets.
//
// Beside a model there may be its image, for clusters that mount nothing else:
// the same files, each as a tar, with the model as subject. See Image.
package artifact
