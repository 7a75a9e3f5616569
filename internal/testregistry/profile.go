package testregistry

// Profile is what a kind of registry does differently. The zero value is a
// registry without the referrers API that does all else as distribution-spec
// 1.1 says.
type Profile struct {
	Referrers           bool  // has the referrers API and sends OCI-Subject
	RequireRepositories bool  // 404 to pushes to other repositories than WithRepositories names
	TagImmutable        bool  // 400 to a PUT that would move a tag
	MaxPatch            int64 // 416 to larger PATCH bodies; 0: any
	MaxBody             int64 // 413 to larger bodies of any request; 0: any
	NoPatch             bool  // 405 to PATCH and to GET on an upload
	Patch201            bool  // 201 instead of 202 to PATCH
	ForgetBroken        bool  // an upload whose body broke off is lost
	NoMount             bool  // a mount begins an upload
	NoRange             bool  // 200 and the whole blob to range requests
	AbsoluteLocation    bool  // http://HOST/v2/… instead of /v2/…
	NoDigestHeader      bool  // no Docker-Content-Digest with manifests
}

// GHCR is like ghcr.io: PATCH bodies over 4 MiB are refused with 416, and the
// referrers API is not there.
func GHCR() Profile { return Profile{MaxPatch: 4 << 20} }

// ECR is like Amazon's private registries: repositories exist before the first
// push, and PATCH is answered as if the upload were finished.
func ECR() Profile { return Profile{Referrers: true, RequireRepositories: true, Patch201: true} }

// GAR is like Google's: a blob is sent in one piece.
func GAR() Profile { return Profile{Referrers: true, NoPatch: true} }

// ACR is like Azure's.
func ACR() Profile { return Profile{Referrers: true} }

// Debian is like distribution 2.8, Debian's docker-registry.
func Debian() Profile { return Profile{ForgetBroken: true, AbsoluteLocation: true} }

// Generic does all that distribution-spec 1.1 describes.
func Generic() Profile { return Profile{Referrers: true} }

// NoReferrers is Generic without the referrers API.
func NoReferrers() Profile { return Profile{} }
