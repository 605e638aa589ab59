module github.com/lictor-go/consul

go 1.26

require (
	github.com/hashicorp/go-cleanhttp v0.5.2
	github.com/hashicorp/go-rootcerts v1.0.2
)

require (
	github.com/mitchellh/go-homedir v1.1.0 // indirect
	go.uber.org/goleak v1.3.0 // indirect
)
