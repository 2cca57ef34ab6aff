// Image jobs over Temporal: starts them, follows one, cancels one, handles a failure.
//
//	durable-image-mcp up
//	go run .
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

func main() {
	c, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	for _, example := range []func(context.Context, client.Client) error{picture, cancelled, refused} {
		if err := example(ctx, c); err != nil {
			log.Fatal(err)
		}
	}
}

// region picture

// picture makes one image of two. References are a path on the worker's machine, an https URL, or image:// of an earlier job.
func picture(ctx context.Context, c client.Client) error {
	references, err := filepath.Abs("../references")
	if err != nil {
		return err
	}
	job, err := start(ctx, c, Input{
		Kind:       "image_multi_reference",
		Prompt:     "The cat beside the coffee",
		ImagePaths: []string{filepath.Join(references, "chelsea.png"), filepath.Join(references, "coffee.png")},
	})
	if err != nil {
		return err
	}
	record, err := follow(ctx, c, job)
	if err != nil {
		return err
	}
	fmt.Println(record.Message)
	for _, image := range record.Result.Saved {
		bytes, err := os.ReadFile(image.Path)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d bytes, SHA-256 %s\n", image.Path, len(bytes), image.SHA256)
	}
	return nil
}

// endregion

// region cancel

func cancelled(ctx context.Context, c client.Client) error {
	job, err := start(ctx, c, Input{Kind: "image_generate", Prompt: "A poster of the sea", N: 10, Size: "2048x2048"})
	if err != nil {
		return err
	}
	if err := c.CancelWorkflow(ctx, job.GetID(), ""); err != nil {
		return err
	}
	var canceled *temporal.CanceledError
	if err := job.Get(ctx, nil); err != nil && !errors.As(err, &canceled) {
		return err
	}
	record, err := query(ctx, c, job)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s, billing: %s\n", job.GetID(), record.Status, record.Billing)
	return nil
}

// endregion

// region failure

func refused(ctx context.Context, c client.Client) error {
	job, err := start(ctx, c, Input{Kind: "image_generate", Prompt: "A stamp", Size: "1x1"})
	if err != nil {
		return err
	}
	var failure *temporal.ApplicationError
	if err := job.Get(ctx, nil); !errors.As(err, &failure) {
		return err
	}
	var record Record
	if err := failure.Details(&record); err != nil {
		return err
	}
	fmt.Printf("%s: %s: %s\n%s\n", job.GetID(), failure.Type(), record.Message, record.NextStep)
	return nil
}

// endregion
