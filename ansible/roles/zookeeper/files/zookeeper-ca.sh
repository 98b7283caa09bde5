#!/bin/sh
# A private certificate authority for ZooKeeper: a certificate for each server and one for all clients.
# Usage: zookeeper-ca.sh DIRECTORY VALID-DAYS RENEW-DAYS SERVER...
# Makes what is missing, makes anew what ends within RENEW-DAYS, and prints a line for each; prints nothing otherwise.
# A new certificate of the authority keeps its key, so certificates that are in use stay valid.
set -eu
umask 077

directory=$1 days=$2 renew_days=$3
shift 3
# Long, and renewed with time to spare: everybody who trusts it needs the new one before the old one ends.
authority_days=3650

main() {
	mkdir -p "$directory"
	cd "$directory"
	exec 9>.lock
	flock 9
	mkdir -p demoCA/private certs keys keystores
	make_authority
	make client clientAuth '' certs/client.pem keys/clientkey.pem
	for server in "$@"; do
		make "$server" serverAuth,clientAuth "$(alternative_name "$server")" "certs/$server.pem" "keys/${server}key.pem"
		make_keystore "$server"
	done
}

make_authority() {
	if ! lasts demoCA/cacert.pem $((renew_days * 2)); then
		[ -s demoCA/private/cakey.pem ] || make_key demoCA/private/cakey.pem
		openssl req -x509 -new -key demoCA/private/cakey.pem -out new.pem -days "$authority_days" -sha256 \
			-subj '/O=SoftwareFactory/CN=ZooKeeper authority' \
			-addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'
		keep new.pem demoCA/cacert.pem
	fi
	cmp -s demoCA/cacert.pem certs/cacert.pem || { cp demoCA/cacert.pem new.pem && mv new.pem certs/cacert.pem; }
}

# make NAME USE ALTERNATIVE-NAME CERTIFICATE KEY
make() {
	if lasts "$4" "$renew_days" && [ -s "$5" ] && is_ours "$4"; then return 0; fi
	[ -s "$5" ] || make_key "$5"
	{
		echo 'basicConstraints=critical,CA:FALSE'
		echo 'keyUsage=critical,digitalSignature,keyEncipherment'
		echo "extendedKeyUsage=$2"
		[ -z "$3" ] || echo "subjectAltName=$3"
	} >extensions
	openssl req -new -key "$5" -subj "/O=SoftwareFactory/CN=$1" -out request.pem
	openssl x509 -req -in request.pem -CA demoCA/cacert.pem -CAkey demoCA/private/cakey.pem \
		-set_serial "0x$(openssl rand -hex 16)" -days "$days" -sha256 -extfile extensions -out new.pem 2>/dev/null
	rm -f request.pem extensions
	keep new.pem "$4"
}

make_key() {
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out new.pem 2>/dev/null
	keep new.pem "$1"
}

make_keystore() {
	cat "certs/$1.pem" "keys/${1}key.pem" >new.pem
	if cmp -s new.pem "keystores/$1.pem"; then rm -f new.pem; else mv new.pem "keystores/$1.pem"; fi
}

alternative_name() {
	case $1 in
	*:* | *[!0-9.]*) case $1 in *:*) echo "IP:$1" ;; *) echo "DNS:$1" ;; esac ;;
	*) echo "IP:$1" ;;
	esac
}

lasts() {
	[ -s "$1" ] && openssl x509 -checkend $(($2 * 86400)) -noout -in "$1" >/dev/null
}

is_ours() {
	openssl verify -CAfile demoCA/cacert.pem "$1" >/dev/null 2>&1
}

keep() {
	mv "$1" "$2"
	echo "made $2"
}

main "$@"
