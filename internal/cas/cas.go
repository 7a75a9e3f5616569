// Package cas puts bytes on disk safely and knows what is there by content.
//
//   - WriteFile replaces one file: a reader sees the old bytes or the new
//     ones, whatever happens in between.
//   - Root is a folder that what is read or written cannot leave. Create
//     returns a Pending file, which appears under its name only when Commit
//     says so, alone or together with many others.
//   - Store is a folder of files by digest, which clones of a repository share.
//   - StatCache remembers the digests of files that did not change, so that
//     a second look at ten gigabytes costs one stat each.
//
// Errors of the file system are wrapped, so that errors.Is finds
// syscall.ENOSPC, fs.ErrPermission and the like.
package cas
