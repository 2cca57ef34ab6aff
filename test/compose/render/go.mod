module durable-image-mcp/render

go 1.25
