#!/bin/sh
# A device's client in POSIX shell: makes a key, proves its secret, polls, fetches, checks, installs, confirms.
#
# For devices that have curl and openssl and nothing to run Rust on. It speaks CSR mode in proof mode
# (FIRMWARE.md) and keeps the same files as `cvm-device`, so that either can go on where the other stopped.
# Keys mode is not offered: its bundles are sealed with ChaCha20-Poly1305, and the openssl tool has no AEAD.

usage() {
    cat <<'EOF'
Usage: cvm-device.sh --endpoint URL --serial SERIAL --dir DIR [options]

Gets this device's certificate and installs it. It can be interrupted anywhere and run again.

  --endpoint URL        the server, https://host[:port][/base]; plain http to this machine only
  --serial SERIAL       this device's serial number
  --secret-file FILE    the file that holds its secret; else the variable CVM_DEVICE_SECRET is taken
  --dir DIR             where to install; made with mode 0700 if it is missing
  --no-clock            this device's clock is not set: prove with the server's nonces
  --inline              have the bundle in the server's answer instead of a link to another host
  --audience HOST       the host that the server knows itself by, if not the endpoint's
  --ca PEM              the roots to trust for the server, in place of curl's
  --timeout-seconds N   how long to try (300)

Files: private.key (0600), certificate.pem, ca.pem, device.json (written last).
Not for keys mode (use cvm-device), nor for devices with a weak (stretched) secret, which cannot prove it.
Exit codes: 0 done, 1 refused for good, 2 usage, 3 try again later (the same command goes on).
EOF
}

export LC_ALL=C
# Whatever is written is this user's alone until it is given a wider mode.
umask 077
set -u
# Taken out of the environment before any program is started from here: none has a use for it.
secret=${CVM_DEVICE_SECRET-}
unset CVM_DEVICE_SECRET

flush() { sync 2>/dev/null || :; }
say() { printf 'cvm-device.sh: %s\n' "$1" >&2; }
die() { say "$2"; exit "$1"; }
later() { die 3 "not finished: $1; run the same command again"; }
# --- bytes ---
# Bytes are kept as hex. What handles a secret is built into the shell or gets it by a pipe: the
# arguments of other programs can be read by every process.

hex() { od -An -v -tx1 | tr -d ' \n'; }
lower() { printf %s "$1" | tr '[:upper:]' '[:lower:]'; }
sha256() { openssl dgst -sha256 -r | cut -c1-64; }
base64url() { openssl base64 | tr -d '=\n' | tr '+/' '-_'; }
# escape HEX MASK: sets $escaped to printf's escapes for the bytes of HEX, each XORed with MASK.
escape() {
    escaped='' rest=$1
    while [ -n "$rest" ]; do
        tail=${rest#??}
        byte=$((0x${rest%"$tail"} ^ $2))
        escaped="$escaped\\$((byte / 64))$((byte / 8 % 8))$((byte % 8))"
        rest=$tail
    done
}
# raw HEX: the bytes.
raw() {
    escape "$1" 0
    # shellcheck disable=SC2059 # the format is the data: nothing but escapes
    printf "$escaped"
}
# hmac KEY TEXT: HMAC-SHA256 in hex (RFC 2104). By hand, as `openssl dgst -mac` takes its key as an argument.
hmac() {
    key=$1
    [ ${#key} -le 128 ] || key=$(raw "$key" | sha256)
    while [ ${#key} -lt 128 ]; do key="${key}00"; done
    escape "$key" 0x36
    # shellcheck disable=SC2059
    inner=$({ printf "$escaped"; printf %s "$2"; } | sha256)
    escape "$key" 0x5c
    # shellcheck disable=SC2059
    { printf "$escaped"; raw "$inner"; } | sha256
}
# xor HEX HEX: both have 64 digits.
xor() {
    one=$1 two=$2 out=''
    while [ -n "$one" ]; do
        one_tail=${one#????} two_tail=${two#????}
        out="$out$(printf %04x $((0x${one%"$one_tail"} ^ 0x${two%"$two_tail"})))"
        one=$one_tail two=$two_tail
    done
    printf %s "$out"
}
# --- arguments ---
read_arguments() {
    endpoint='' serial='' secret_file='' dir='' audience='' ca='' clock=yes inline='' timeout=300
    while [ $# -gt 0 ]; do
        case $1 in
            --help | -h) usage; exit 0 ;;
            --no-clock) clock=''; shift; continue ;;
            --inline) inline=yes; shift; continue ;;
            --secret | --secret=*) die 2 'every process can read a command line: give --secret-file FILE' ;;
            --keys-mode) die 2 'keys mode needs an AEAD that the openssl tool lacks: use cvm-device' ;;
            --endpoint) endpoint=${2-} endpoint=${endpoint%/} ;;
            --serial) serial=${2-} ;;
            --secret-file) secret_file=${2-} ;;
            --dir) dir=${2-} ;;
            --audience) audience=$(lower "${2-}") ;;
            --ca) ca=${2-} ;;
            --timeout-seconds) timeout=${2-} ;;
            *) die 2 "unknown argument; see --help" ;;
        esac
        [ $# -ge 2 ] || die 2 "$1 needs a value"
        shift 2
    done
}

check_arguments() {
    for needed in "$endpoint" "$serial" "$dir"; do
        [ -n "$needed" ] || die 2 'needed: --endpoint, --serial, --dir; see --help'
    done
    case $serial in *[!A-Za-z0-9:_-]*) die 2 'the serial number may only hold a-z A-Z 0-9 : _ -' ;; esac
    [ ${#serial} -le 128 ] || die 2 'the serial number has more than 128 characters'
    case $timeout in '' | *[!0-9]*) die 2 '--timeout-seconds must be a number' ;; esac
    case $ca in *[\"\\]*) die 2 '--ca must not hold quotes or backslashes' ;; esac
    case $dir in -* | *[\"\\]*) die 2 '--dir must not begin with - or hold quotes or backslashes' ;; esac
    [ -z "$ca" ] || [ -r "$ca" ] || die 2 "$ca cannot be read"
    is_safe "$endpoint" || die 2 'the endpoint must be https; plain http goes to this machine only'
    case $endpoint in *[@?#]*) die 2 'the endpoint must not hold a user, a query or a fragment' ;; esac
    [ "$(command -v printf)" = printf ] || die 2 'printf must be built into this shell'
    command -v curl >/dev/null || die 2 'curl is not installed'
    command -v openssl >/dev/null || die 2 'openssl is not installed'
}
# is_safe URL: whether what is sent there stays secret on the way, and the text can be given to curl.
is_safe() {
    case $1 in
        *[!!-~]* | *[\"\\]*) return 1 ;;
        https://?*) return 0 ;;
        http://*) host=${1#http://} ;;
        *) return 1 ;;
    esac
    host=${host%%/*}
    case $host in
        127.0.0.1 | localhost | '[::1]') return 0 ;;
        127.0.0.1:* | localhost:* | '[::1]':*) ;;
        *) return 1 ;;
    esac
    # No user:password@ that only looks like this machine.
    case ${host##*:} in '' | *[!0-9]*) return 1 ;; esac
}
# The host that proofs are made out to, as the Host header has it.
split_endpoint() {
    rest=${endpoint#*://}
    authority=${rest%%/*}
    authority=$(lower "$authority")
    case $endpoint in https:*) authority=${authority%:443} ;; *) authority=${authority%:80} ;; esac
    [ -n "$audience" ] || audience=$authority
}
# --- keys and proofs ---
read_secret() {
    if [ -n "$secret_file" ]; then
        [ -r "$secret_file" ] || die 2 "$secret_file cannot be read"
        IFS= read -r secret <"$secret_file" || :
    fi
    secret=${secret%"$(printf '\r')"}
    [ -n "$secret" ] || die 2 'no secret: give --secret-file FILE or set CVM_DEVICE_SECRET'
    case $secret in *[!!-~]* | *[\",\\]*) die 2 'the secret holds characters that no secret may' ;; esac
    [ ${#secret} -le 512 ] || die 2 'the secret has more than 512 characters'
}
# The secret's bytes in hex: 43 characters of canonical base64url stand for 32 bytes, others for themselves.
secret_bytes() {
    decoded=$(printf '%s=\n' "$secret" | tr -- '-_' '+/' | openssl base64 -d 2>/dev/null | hex)
    if [ ${#secret} -eq 43 ] && [ "$(raw "$decoded" | base64url)" = "$secret" ]; then
        printf %s "$decoded"
    else
        printf %s "$secret" | hex
    fi
}
derive_keys() {
    bytes=$(secret_bytes)
    client_key=$(hmac "$bytes" "cvm-v1:client-key:$serial")
    server_key=$(hmac "$bytes" "cvm-v1:server-key:$serial")
    stored_key=$(raw "$client_key" | sha256)
    bytes='' secret=''
}
# prove METHOD PATH BODY-FILE: sets $canonical and $authorization.
prove() {
    ticket
    digest=$(sha256 <"$3")
    canonical=$(printf '%s\n' CVM1-HMAC-SHA256 "$1" "$audience" "$2" "$serial" "$stamp" "$nonce" "$digest")
    proof=$(xor "$client_key" "$(hmac "$stored_key" "$canonical")")
    proof=$(raw "$proof" | base64url)
    authorization="CVM1 serial=\"$serial\",ts=\"$stamp\",nonce=\"$nonce\",proof=\"$proof\""
}
# A moment and a nonce, each pair good for one request.
ticket() {
    if [ -n "$clock" ]; then
        stamp=$(date +%s) nonce=$(openssl rand 16 | base64url)
        return
    fi
    stamp=- nonce=$held held=''
    [ -z "$nonce" ] || return 0
    insist 'give a nonce' send GET "$endpoint/v1/nonce" '' ''
    nonce=$(header replay-nonce)
    case $status:$nonce in 200:?*) ;; *) refuse 'give a nonce' ;; esac
}
# Whether the server that keeps this device's verifier gave this answer to this request.
answer_is_proven() {
    message=$(printf '%s\n' CVM1-RESPONSE "$(printf %s "$canonical" | sha256)" "$status" "$(sha256 <"$work/body")")
    expected=$(hmac "$server_key" "$message")
    [ "$(header cvm1-proof)" = "$(raw "$expected" | base64url)" ]
}
# --- HTTP ---
# send METHOD URL BODY-FILE AUTHORIZATION: sets $status, 000 if nothing came. What is secret goes to curl
# by its standard input.
send() {
    : >"$work/body" && : >"$work/head"
    status=$(request "$@" | curl -q -K - 2>"$work/complaint")
    case $? in
        0) ;;
        35 | 51 | 53 | 54 | 58 | 59 | 60 | 66 | 77 | 80 | 82 | 83 | 90 | 91)
            later "no trusted connection to the server ($(head -n 1 "$work/complaint"))" ;;
        63) die 1 'an answer is larger than 1 MiB' ;;
        *) status=000 ;;
    esac
}
# curl's configuration: the headers carry proofs, and a link to a bundle is one itself.
request() {
    case $2 in https:*) printf 'proto = "=https"\n' ;; *) printf 'proto = "=http"\nnoproxy = "*"\n' ;; esac
    printf 'silent\nshow-error\ngloboff\nconnect-timeout = 10\nmax-time = 30\nmax-filesize = 1048576\n'
    printf 'request = "%s"\nurl = "%s"\noutput = "%s"\n' "$1" "$2" "$work/body"
    printf 'dump-header = "%s"\nwrite-out = "%%{http_code}"\n' "$work/head"
    [ -z "$ca" ] || printf 'cacert = "%s"\n' "$ca"
    [ "$1:$3" != POST: ] || printf 'header = "content-length: 0"\n'
    [ -z "$3" ] || printf 'header = "content-type: application/json"\ndata-binary = "@%s"\n' "$3"
    [ -z "$4" ] || printf 'header = "authorization: %s"\n' "$(printf %s "$4" | sed 's/"/\\"/g')"
    [ -z "$4" ] || [ -z "$inline" ] || printf 'header = "prefer: bundle=inline"\n'
}
header() { grep -i "^$1:" "$work/head" | tail -n 1 | cut -d: -f2- | tr -d ' \t\r\n'; }
# text NAME FILE: a JSON text without escaped quotes, as all of the server's are that are read here.
text() { tr -d '\r\n' <"$2" | sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'; }
# The server's stable code, fit for a terminal.
code() { text code "$work/body" | tr -cd 'A-Za-z0-9_'; }
# call METHOD PATH [BODY-FILE]: a proven request. A clock that the server finds wrong is not used again.
call() {
    call_once "$@"
    case $status:$(code) in 400:bad_nonce) held=$(header replay-nonce) clock='' ;; *) return 0 ;; esac
    [ -z "$held" ] || call_once "$@"
}
call_once() {
    prove "$1" "$2" "${3:-/dev/null}"
    send "$1" "$endpoint$2" "${3-}" "$authorization"
    case $status in
        # What decides about the request must come from our server. Refusals from before the login cannot
        # prove that and change nothing here; what only says "later" may come from any proxy.
        2?? | 404 | 409 | 410 | 422)
            answer_is_proven ||
                die 1 "the answer (HTTP $status) does not prove that it comes from this device's server" ;;
    esac
}
# pause WHY: waits as the server says, else twice as long as last time, as long as there is time.
pause() {
    wait=$(header retry-after)
    case $wait in '' | *[!0-9]* | ???????*) wait=$backoff backoff=$((backoff < 32 ? backoff * 2 : 60)) ;; esac
    [ "$wait" -gt 0 ] || wait=1
    # Counted, not measured: the clock may be set meanwhile.
    spent=$((spent + wait + 1))
    [ "$spent" -le "$timeout" ] || later "$1 (the server says: in $wait s)"
    say "$1; asking again in $wait s"
    sleep "$wait"
}
refuse() { die 1 "the server refused to $1: $(code) (HTTP $status)"; }
# --- the exchange ---
# insist WHAT COMMAND...: repeats it while the server says "later" or nothing at all.
insist() {
    # Not by a variable: asking may insist on a nonce in between, and a shell's variables are all one.
    while "$2" "$3" "$4" "${5-}" "${6-}"; do
        case $status in
            000 | 408 | 429 | 5??) pause "the server cannot $1 now (HTTP $status)" ;;
            *) return ;;
        esac
    done
}

obtain() {
    step=submit tries=6
    while [ "$step" != ready ]; do
        case $step in
            submit) insist submit call POST /v1/certificates "$work/ask" ;;
            poll) insist poll call GET "/v1/certificates/$id" ;;
        esac
        code=$(code)
        case $step:$status:$code in
            *:200:* | *:202:*) view ;;
            poll:404:* | poll:410:bundle_expired) again submit "the request is gone ($code)" ;;
            *:410:*) die 1 "the certificate is gone (${code:-no code}); the operator must reset this device" ;;
            submit:409:replacement_pending) later 'an earlier replacement of the certificate is not over yet' ;;
            *) refuse "$step" ;;
        esac
    done
}
view() {
    backoff=1
    id=$(text requestId "$work/body")
    case $id in '' | *[!0-9a-f]*) die 1 'the answer makes no sense: it names no request' ;; esac
    case $(text status "$work/body") in
        pending) step=poll; pause 'the request is being worked on' ;;
        vended) deliver ;;
        failed)
            grep -q '"retryable" *: *true' "$work/body" || refuse 'issue the certificate'
            again submit "the request failed ($code)" ;;
        *) die 1 'the answer makes no sense: it is no status' ;;
    esac
}
# again STEP WHY: goes back to a step, but not for ever.
again() {
    tries=$((tries - 1)) step=$1
    [ "$tries" -gt 0 ] || later "$2"
    pause "$2"
}
deliver() {
    certificate=$(text certificateId "$work/body")
    iot=$(text endpoint "$work/body")
    sum=$(text sha256 "$work/body") url=$(text url "$work/body")
    if [ -z "$url" ]; then
        { text content "$work/body" | fold -w 64; echo; } | openssl base64 -d >"$work/bundle"
    else
        is_safe "$url" || die 1 "the bundle's link is not https"
        send GET "$url" '' ''
        # A link that has expired is refused; the next poll brings a new one.
        [ "$status" = 200 ] || { again poll "the bundle's link is refused (HTTP $status)"; return; }
        mv "$work/body" "$work/bundle"
    fi
    check_bundle
    step=ready
}
bad_bundle() { die 1 "the bundle was not installed: $1"; }
check_bundle() {
    [ "$(sha256 <"$work/bundle")" = "$sum" ] || bad_bundle 'its bytes do not have the announced SHA-256'
    [ "$(text serialNumber "$work/bundle")" = "$serial" ] || bad_bundle 'it is for another serial number'
    printf '%b' "$(text certificatePem "$work/bundle")" >"$work/certificate.pem"
    [ "$(openssl x509 -in "$work/certificate.pem" -outform DER 2>/dev/null | sha256)" = "$certificate" ] ||
        bad_bundle 'the certificate does not have the announced id'
    own=$(openssl pkey -in "$dir/pending.key" -pubout)
    [ "$(openssl x509 -in "$work/certificate.pem" -noout -pubkey)" = "$own" ] ||
        bad_bundle 'the certificate is for another key'
    [ -z "$clock" ] || openssl x509 -in "$work/certificate.pem" -noout -checkend 0 >/dev/null ||
        bad_bundle "the certificate is not valid any more by this device's clock"
    thing=$(text thingName "$work/bundle")
}
fetch_roots() {
    insist 'send the trust bundle' send GET "$endpoint/v1/trust-bundle" '' ''
    [ "$status" = 200 ] || refuse 'send the trust bundle'
    grep -q 'BEGIN CERTIFICATE' "$work/body" || die 1 'the trust bundle holds no certificate'
    mv "$work/body" "$work/ca.pem"
}
confirm() {
    insist confirm call POST "/v1/certificates/$id/confirm"
    case $status:$(code) in
        2??:* | 410:* | 409:already_confirmed) rm -f "$dir/pending.key" && rm -f "$dir/pending.json" ;;
        *) refuse confirm ;;
    esac
}
# --- files ---
# The directory is this process's alone while $work is there.
take_directory() {
    mkdir -p "$dir" || die 2 "$dir cannot be made"
    # Who may write to the directory may swap the key.
    case $(ls -ld "$dir") in ?????w* | ????????w*) die 2 "$dir may be written by others: chmod go-w it" ;; esac
    work=$dir/.work
    if ! mkdir "$work" 2>/dev/null; then
        owner=$(cat "$work/pid" 2>/dev/null)
        [ -z "$owner" ] || ! kill -0 "$owner" 2>/dev/null ||
            later "another run ($owner) is at work in $dir; if it is none of ours, remove $work"
        rm -rf "$work"
        mkdir "$work" || die 2 "$work cannot be made"
    fi
    # The key stays: the next run asks for the same certificate.
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    echo $$ >"$work/pid"
}
# put NAME MODE: the file of that name in $work takes its place at once and whole.
put() {
    chmod "$2" "$work/$1" && mv -f "$work/$1" "$dir/$1" && return
    die 1 "$dir/$1 cannot be written"
}
note() {
    printf '{"serialNumber":"%s","keyMode":"csr","requestId":%s}\n' "$serial" "$1" >"$work/pending.json"
    put pending.json 644
}
# The key is on the disk before anything is sent, and is asked for until it has its certificate.
prepare() {
    if [ ! -s "$dir/pending.key" ]; then
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve \
            -out "$work/pending.key" 2>/dev/null || die 1 'openssl cannot make a key'
        put pending.key 600
    fi
    note null
    flush
    # A configuration of our own: a small system may have none. X.520 has 64 characters for a common name.
    printf '[req]\ndistinguished_name = dn\n[dn]\n' >"$work/req.cnf"
    subject=/CN=$serial
    [ ${#serial} -le 64 ] || subject=/
    openssl req -new -batch -config "$work/req.cnf" -key "$dir/pending.key" -subj "$subject" -sha256 \
        -out "$work/csr" 2>/dev/null || die 1 'openssl cannot sign the request: is pending.key whole?'
    printf '{"csr":"%s"}' "$(sed 's/$/\\n/' "$work/csr" | tr -d '\n')" >"$work/ask"
}
# device.json comes last: it says that the rest is there.
install_all() {
    cp "$dir/pending.key" "$work/private.key" && put private.key 600
    put certificate.pem 644
    put ca.pem 644
    note "\"$id\""
    flush
    printf '{"serialNumber":"%s","thingName":"%s","certificateId":"%s","endpoint":"%s","keyMode":"csr"}\n' \
        "$serial" "$thing" "$certificate" "$iot" >"$work/device.json"
    put device.json 644
    flush
    say installed
}
check_owner() {
    [ -s "$1" ] || return 0
    case $(text serialNumber "$1"):$(text keyMode "$1") in
        "$serial:csr") ;;
        *) die 2 "$dir belongs to another device or to keys mode" ;;
    esac
}

main() {
    read_arguments "$@"
    check_arguments
    split_endpoint
    read_secret
    take_directory
    check_owner "$dir/device.json"
    check_owner "$dir/pending.json"
    spent=0 backoff=1 held='' id=''
    [ ! -s "$dir/pending.json" ] || id=$(text requestId "$dir/pending.json")
    [ ! -s "$dir/device.json" ] || [ -n "$id" ] || { say "$serial was installed and confirmed before"; exit 0; }
    derive_keys
    if [ ! -s "$dir/device.json" ]; then
        prepare
        obtain
        fetch_roots
        install_all
    fi
    confirm
    say "$serial: installed and confirmed in $dir"
}

main "$@"
