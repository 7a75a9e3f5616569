package registry

import (
	"testing"
)

func TestProfileOfHost(t *testing.T) {
	for host, want := range map[string]string{
		"ghcr.io": "ghcr", "ghcr.io:443": "ghcr", "notghcr.io": "generic", "ghcr.io.example": "generic",
		"123456789012.dkr.ecr.us-east-1.amazonaws.com": "ecr", "1.dkr.ecr.cn-north-1.amazonaws.com.cn": "ecr", "public.ecr.aws": "ecr",
		"gcr.io": "gar", "eu.gcr.io": "gar", "us-docker.pkg.dev": "gar", "acme.azurecr.io": "acr", "azurecr.io": "generic",
		"docker.io": "dockerhub", "registry-1.docker.io": "dockerhub", "quay.io": "quay", "localhost:5000": "generic", "[::1]:5000": "generic", "": "generic",
	} {
		if got, err := profileFor(host, Options{}); err != nil || got.name != want {
			t.Errorf("%q is %s, %v; want %s", host, got.name, err, want)
		}
	}
	for _, p := range profiles {
		if got, err := profileFor("localhost", Options{Profile: p.name}); err != nil || got.name != p.name || got.limits != p.limits {
			t.Errorf("%s asked for by name is %+v, %v", p.name, got.limits, err)
		}
	}
}

func TestLimits(t *testing.T) {
	quay, err := profileFor("quay.io", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !quay.limits.whole(20e9) || quay.limits.whole(20e9+1) || quay.limits.piece(30e9, 0) != 20e9 {
		t.Errorf("quay takes %+v", quay.limits)
	}
	gar, err := profileFor("gcr.io", Options{})
	if err != nil || !gar.limits.whole(1<<50) {
		t.Errorf("gar takes %+v, %v", gar.limits, err)
	}
}
