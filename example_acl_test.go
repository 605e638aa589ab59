package consul_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/lictor-go/consul"
)

func ExampleACL_TokenCreate() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := exampleACLClient()
	defer client.Close()
	acl := client.ACL()

	policy, _, err := acl.PolicyCreate(ctx, &consul.ACLPolicy{
		Name:  "example-reader",
		Rules: `key_prefix "example/" { policy = "read" }`,
	})
	if err != nil {
		log.Fatal(err)
	}
	token, _, err := acl.TokenCreate(ctx, &consul.ACLToken{
		Description:   "for the reports",
		Policies:      []*consul.ACLTokenPolicyLink{{ID: policy.ID}},
		ExpirationTTL: time.Hour,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("lives for", token.ExpirationTime.Sub(token.CreateTime))

	// One call with the new token; Config.Token is for all of a client's.
	_, err = client.KV().Put(ctx, &consul.KVPair{Key: "example/report"}, consul.WithToken(token.SecretID))
	fmt.Println("may write:", !errors.Is(err, consul.ErrPermissionDenied))

	if _, err := acl.TokenDelete(ctx, token.AccessorID); err != nil {
		log.Fatal(err)
	}
	if _, err := acl.PolicyDelete(ctx, policy.ID); err != nil {
		log.Fatal(err)
	}
	_, _, err = acl.TokenRead(ctx, token.AccessorID)
	fmt.Println("gone:", errors.Is(err, consul.ErrNotFound))
	// Output:
	// lives for 1h0m0s
	// may write: false
	// gone: true
}

// exampleACLClient gives a client with a management token, of a Consul with ACLs.
func exampleACLClient() *consul.Client {
	server, err := aclServer.start()
	if err != nil {
		log.Fatal(err)
	}
	client, err := consul.NewClient(&consul.Config{Address: server.Addr(), Token: server.ManagementToken()})
	if err != nil {
		log.Fatal(err)
	}
	return client
}
