#!/bin/sh
# Validates k8s/ against the oldest Kubernetes that has all it uses and the newest, as far as this machine can.
#
# k8s-validate renders every kustomization, refuses unknown fields and dangling references, and looks for production
# habits. Not every machine has it: what cannot be checked here is said and left out, never counted as checked.
set -eu

oldest=1.30
newest=1.37

if [ -x ../shared/docker/k8s-validate ]; then
    validate=../shared/docker/k8s-validate
elif ! validate=$(command -v k8s-validate); then
    echo "k8s-validate is neither beside the checkout nor on PATH: k8s/ is NOT validated" >&2
    exit 0
fi
"$validate" k8s --kubernetes "$oldest" --kubernetes "$newest"
