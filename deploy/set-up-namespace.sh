#!/bin/sh
# Makes the namespace and registers the search attributes of image jobs; does nothing where that is done.
set -eu
temporal operator namespace describe -n default >/dev/null 2>&1 || temporal operator namespace create -n default --retention 90d
known=$(temporal operator search-attribute list -n default)
for each in ImageKind:Keyword ImageProvider:Keyword ImageTenant:Keyword ImageSession:Keyword ImageTags:KeywordList; do
  name=${each%%:*}
  case "$known" in *"$name"*) continue ;; esac
  temporal operator search-attribute create -n default --name "$name" --type "${each##*:}"
done
