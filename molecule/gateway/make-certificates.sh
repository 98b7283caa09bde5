#!/bin/sh
# Certificates as an operator gets them, in the given directory: first and second (with the chain in the file, a key beside it), signed
# by an authority that clients do not know, which is signed by one that they do (root.pem).
set -eu
cd "$1"

# NAME SUBJECT SIGNER EXTENSION...
make() {
  name=$1 subject=$2 signer=$3
  shift 3
  for extension; do set -- "$@" -addext "$extension" && shift; done
  [ "$signer" = itself ] || set -- "$@" -CA "$signer.pem" -CAkey "$signer.key"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$subject" "$@" \
    -keyout "$name.key" -out "$name.pem" 2>/dev/null
}

make root root itself
make between between root 'basicConstraints=critical,CA:true'
for name in first second; do
  make "$name" given.example.org between 'basicConstraints=critical,CA:false' \
    'subjectAltName=DNS:given.example.org,DNS:own.example.org'
  cat between.pem >>"$name.pem"
done
