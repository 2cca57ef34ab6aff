// Command render fills the configuration template of the Temporal server's image from the environment, as dockerize does in the
// official image: render TEMPLATE >RESULT. Source of the functions: github.com/jwilder/dockerize, README.
package main

import (
	"fmt"
	"os"
	"strings"
	"text/template"
)

func main() {
	env := map[string]string{}
	for _, line := range os.Environ() {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	functions := template.FuncMap{
		// A variable that is not set counts as absent, one that is empty does not.
		"default": func(values ...interface{}) interface{} {
			for _, value := range values {
				if value != nil {
					return value
				}
			}
			return ""
		},
		"lower": strings.ToLower,
		"split": strings.Split,
		"trim":  strings.TrimSpace,
	}
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		var parsed *template.Template
		if parsed, err = template.New("").Funcs(functions).Parse(string(text)); err == nil {
			vars := map[string]interface{}{}
			for name, value := range env {
				vars[name] = value
			}
			err = parsed.Execute(os.Stdout, map[string]interface{}{"Env": vars})
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
