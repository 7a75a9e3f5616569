package local_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/forge/local"
)

// Every method of the client is here with the same parameters and results,
// and answers that there is no forge.
func TestForgeHasTheClientsMethods(t *testing.T) {
	client, none := reflect.TypeFor[*github.Client](), reflect.ValueOf(local.Forge{})
	if client.NumMethod() == 0 || client.NumMethod() != none.NumMethod() {
		t.Errorf("the client has %d methods, this %d", client.NumMethod(), none.NumMethod())
	}
	for i := range client.NumMethod() {
		want := client.Method(i)
		got := none.MethodByName(want.Name)
		if !got.IsValid() {
			t.Errorf("%s is missing", want.Name)
			continue
		}
		var in []reflect.Type
		for j := 1; j < want.Type.NumIn(); j++ {
			in = append(in, want.Type.In(j))
		}
		var out []reflect.Type
		for j := range want.Type.NumOut() {
			out = append(out, want.Type.Out(j))
		}
		if signature := reflect.FuncOf(in, out, false); got.Type() != signature {
			t.Errorf("%s is %s, want %s", want.Name, got.Type(), signature)
			continue
		}
		args := []reflect.Value{reflect.ValueOf(context.Background())}
		for _, typ := range in[1:] {
			args = append(args, reflect.Zero(typ))
		}
		results := got.Call(args)
		if err, _ := results[len(results)-1].Interface().(error); !errors.Is(err, forge.ErrNone) {
			t.Errorf("%s answers %v", want.Name, err)
		}
	}
}
