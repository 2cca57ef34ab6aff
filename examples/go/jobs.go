package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/temporal"
)

// region types

// Input is the argument of imageJob; schemas/job-input.json has every field.
type Input struct {
	Kind       string   `json:"kind"`
	Prompt     string   `json:"prompt"`
	Provider   string   `json:"provider,omitempty"`
	Size       string   `json:"size,omitempty"`
	N          int      `json:"n,omitempty"`
	ImagePath  string   `json:"image_path,omitempty"`
	ImagePaths []string `json:"image_paths,omitempty"`
	Tags       []string `json:"tags,omitempty"`
}

// Record is what is known of a job; schemas/job-record.json has every field.
type Record struct {
	Status   string `json:"status"`
	Stage    string `json:"stage"`
	Done     bool   `json:"done"`
	Message  string `json:"message"`
	NextStep string `json:"next_step"`
	Billing  string `json:"billing"`
	Result   struct {
		Saved []struct {
			Path   string `json:"path"`
			SHA256 string `json:"sha256"`
		} `json:"saved"`
	} `json:"result"`
}

// endregion

var (
	kind     = temporal.NewSearchAttributeKeyKeyword("ImageKind")
	provider = temporal.NewSearchAttributeKeyKeyword("ImageProvider")
	tags     = temporal.NewSearchAttributeKeyKeywordList("ImageTags")
)

// region connect

// connect reaches the Temporal of TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY …, else the local stack.
func connect() (client.Client, error) {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{DisableFile: true})
	if err != nil {
		return nil, err
	}
	if options.HostPort == "" {
		output, err := exec.Command("durable-image-mcp", "status", "--json").Output()
		if err != nil {
			return nil, err
		}
		var status struct{ Address string }
		if err := json.Unmarshal(output, &status); err != nil {
			return nil, err
		}
		if status.Address == "" {
			return nil, errors.New("start the stack: durable-image-mcp up")
		}
		options.HostPort = status.Address
	}
	return client.Dial(options)
}

// endregion

// region start

// start runs a job whose workflow ID is the job_id. Lists and the Web UI find it by its search attributes, which are optional.
func start(ctx context.Context, c client.Client, input Input) (client.WorkflowRun, error) {
	input.Provider = "local" // Free previews; leave it out for the default of the worker.
	input.Tags = []string{"go"}
	options := client.StartWorkflowOptions{
		ID:            "go-" + uuid.NewString(),
		TaskQueue:     "image-jobs",
		StaticSummary: input.Prompt,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			kind.ValueSet(input.Kind), provider.ValueSet(input.Provider), tags.ValueSet(input.Tags),
		),
	}
	return c.ExecuteWorkflow(ctx, options, "imageJob", input)
}

// endregion

// region query

// query reads the record at any time, also when the job has ended.
func query(ctx context.Context, c client.Client, job client.WorkflowRun) (record Record, err error) {
	value, err := c.QueryWorkflow(ctx, job.GetID(), job.GetRunID(), "job")
	if err != nil {
		return record, err
	}
	return record, value.Get(&record)
}

// follow gives the record when the job has completed, and the failure of one that has not.
func follow(ctx context.Context, c client.Client, job client.WorkflowRun) (Record, error) {
	for {
		record, err := query(ctx, c, job)
		if err != nil {
			return record, err
		}
		if record.Done {
			return record, job.Get(ctx, nil)
		}
		fmt.Printf("%s: %s\n", job.GetID(), record.Stage)
		time.Sleep(500 * time.Millisecond)
	}
}

// endregion
