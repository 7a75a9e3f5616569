module github.com/waybill-dev/waybill/test/act

go 1.26.0

require (
	github.com/waybill-dev/waybill v0.0.0
	go.yaml.in/yaml/v3 v3.0.6
)

require (
	github.com/google/go-github/v60 v60.0.0 // indirect
	github.com/google/go-querystring v1.1.0 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.1.1 // indirect
)

replace github.com/waybill-dev/waybill => ../..
