#!/bin/bash
# The two nodes in real containers: starts them, asks them what the demo asks, shows who can reach whom, ends them.
# Run by `make compose-test`. Needs a Docker Engine, docker-compose or docker compose, curl and cargo. Leaves nothing
# behind; the project's name and port are its own, so that it disturbs no other.
set -euo pipefail

compose_directory=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(dirname "$compose_directory")
built=${CARGO_TARGET_DIR:-$repository/target}/release
project=sallyport-test-$$
probe_image=$project-probe
services="edge gateway upstream"
scratch=

passed=0
failed=0

say() { echo "compose-test: $*"; }

give_up() {
    echo "compose-test: $1" >&2
    exit 1
}

# check NAME EXPECTED ACTUAL
check() {
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
        echo "  ok    $1"
    else
        failed=$((failed + 1))
        echo "  FAIL  $1: expected '$2', got '$3'"
    fi
}

# check_contains NAME TEXT WITHIN
check_contains() {
    case $3 in
    *"$2"*) check "$1" yes yes ;;
    *) check "$1" "…$2…" "$3" ;;
    esac
}

# --- what it takes ----------------------------------------------------------------------------------------------------

require_engine() {
    local install="sudo apt-get install docker.io docker-compose" reason
    command -v docker >/dev/null || give_up "docker is not installed; $install"
    reason=$(docker info 2>&1 >/dev/null) ||
        give_up "no Docker Engine answers: ${reason:-docker info failed}; start one (sudo systemctl start docker), or \
install it ($install); whoever is not root has to be in the group docker"
    if docker compose version >/dev/null 2>&1; then
        compose_program=(docker compose)
    elif docker-compose version >/dev/null 2>&1; then
        compose_program=(docker-compose)
    else
        give_up "neither 'docker compose' nor 'docker-compose' is installed; sudo apt-get install docker-compose"
    fi
    command -v curl >/dev/null || give_up "curl is not installed; sudo apt-get install curl"
}

compose() {
    "${compose_program[@]}" --project-name "$project" --file "$compose_directory/compose.yaml" \
        --file "$compose_directory/compose.prebuilt.yaml" "$@"
}

# The same with the two gateways of two-gateways.yaml.
compose_two() {
    SALLYPORT_GATEWAY_CONTEXT=../target/compose/api-gateway SALLYPORT_GATEWAY_DOCKERFILE=Dockerfile.prebuilt \
        "${compose_program[@]}" --project-name "$project" --file "$compose_directory/compose.yaml" \
        --file "$compose_directory/compose.prebuilt.yaml" --file "$compose_directory/two-gateways.yaml" "$@"
}

# free_port FROM: a port of this machine that nobody listens on.
free_port() {
    local port
    for port in $(seq "$1" "$(($1 + 100))"); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    give_up "no free port between $1 and $(($1 + 100))"
}

# Everything that has the project's name goes, its volumes and images too.
down() {
    compose_two down --volumes --rmi local --remove-orphans --timeout 10 >/dev/null 2>&1 || true
    docker image rm --force "$probe_image" >/dev/null 2>&1 || true
    # Stages that no image is made of: the builder without BuildKit leaves them.
    docker image prune --force --filter "label=sallyport.project=$project" >/dev/null 2>&1 || true
}

clean_up() {
    local code=$?
    trap - EXIT INT TERM
    if [ "$started" = yes ]; then down; fi
    rm -rf "$scratch"
    exit "$code"
}

# left_behind KIND: how many of the project's are still there.
left_behind() { docker "$1" ls --quiet --filter "name=$project" | wc -l; }

# An image with curl and bash, to look at the networks from within.
build_probe() {
    local root=$scratch/probe/root program library
    for program in "$(type -P bash)" "$(type -P curl)"; do
        mkdir -p "$root/bin"
        cp --dereference "$program" "$root/bin/"
        for library in $(ldd "$program" | grep -o '/[^ ]*'); do
            mkdir -p "$root$(dirname "$library")"
            cp --dereference "$library" "$root$library"
        done
    done
    printf 'FROM scratch\nCOPY root/ /\nENV PATH=/bin\n' >"$scratch/probe/Dockerfile"
    docker build --quiet --tag "$probe_image" "$scratch/probe" >/dev/null 2>"$scratch/probe.log" ||
        give_up "cannot build the probe's image: $(cat "$scratch/probe.log")"
}

# --- looking at containers --------------------------------------------------------------------------------------------

# container SERVICE: its id, also when it has ended.
container() { compose_two ps --all --quiet "$1" 2>/dev/null; }

# inspected SERVICE TEMPLATE
inspected() { docker inspect --format "$2" "$(container "$1")"; }

health() { inspected "$1" '{{.State.Status}}/{{if .State.Health}}{{.State.Health.Status}}{{end}}' 2>/dev/null || true; }

# wait_healthy SECONDS SERVICE…: tells each change.
wait_healthy() {
    local deadline=$((SECONDS + $1)) before='' now service
    shift
    while :; do
        now=
        for service; do now="$now $service=$(health "$service")"; done
        if [ "$now" != "$before" ]; then
            say "after ${SECONDS}s:$now"
            before=$now
        fi
        case "$now " in *"=running/healthy "*) ;; *) now=waiting ;; esac
        if [ "$(grep -o '=running/healthy' <<<"$now" | wc -l)" -eq $# ]; then return 0; fi
        if [ "$SECONDS" -ge "$deadline" ]; then return 1; fi
        sleep 0.5
    done
}

# --- asking -----------------------------------------------------------------------------------------------------------

# ask PATH [CURL ARGUMENT…]: through the published port. Sets status and body.
ask() {
    local path=$1
    shift
    status=$(curl --silent --show-error --max-time 20 --cacert "$scratch/clients/ca/internal.pem" \
        --resolve "edge.test:$port:127.0.0.1" --output "$scratch/body" --write-out '%{http_code}' \
        "$@" "https://edge.test:$port$path" 2>"$scratch/curl.log") || status="curl: $(cat "$scratch/curl.log")"
    body=$(tr -d ' \n' <"$scratch/body" 2>/dev/null) || body=
    : >"$scratch/body"
}

# as NAME: curl's arguments for that client.
as() { echo "--cert $scratch/clients/clients/$1.pem --key $scratch/clients/clients/$1.key"; }

# from NETWORK URL [CURL ARGUMENT…]: asks from a container on that network. Prints the status, or `unreachable`.
from() {
    local network=$1 url=$2 code=0 answer
    shift 2
    answer=$(docker run --rm --network "$network" --read-only --user 65532:65532 --cap-drop ALL "$probe_image" \
        curl --silent --insecure --max-time 4 --output /dev/null --write-out '%{http_code}' "$@" "$url") || code=$?
    case $code in
    0) echo "$answer" ;;
    6 | 7 | 28) echo unreachable ;; # no such name, refused, no answer
    *) echo "something answered (curl $code)" ;;
    esac
}

# kill_9 SERVICE: its process, as nothing that Docker knows of, so that the restart policy applies.
kill_9() {
    docker run --rm --pid host --network none --cap-drop ALL --cap-add KILL "$probe_image" \
        bash -c "kill -9 $(inspected "$1" '{{.State.Pid}}')"
}

# restarted SERVICE TIMES: waits for Docker to have started it again.
restarted() {
    local deadline=$((SECONDS + 30))
    until [ "$(inspected "$1" '{{.RestartCount}}')" -ge "$2" ]; do
        if [ "$SECONDS" -ge "$deadline" ]; then return 1; fi
        sleep 0.2
    done
}

# --- the tests --------------------------------------------------------------------------------------------------------

requests() {
    say "requests through 127.0.0.1:$port"
    ask /public
    check "no certificate, public route" 200 "$status"
    ask /mtls
    check "no certificate, protected route" 401 "$status"
    check_contains "… in Kong's words" '"message":"NorequiredTLScertificatewassent"' "$body"
    local version client forged
    for version in http1.1 http2; do
        # shellcheck disable=SC2046 # words are meant
        ask /mtls "--$version" $(as alice)
        check "alice, $version" 200 "$status"
        check_contains "… is named to the upstream" '"x-consumer-username":["alice"]' "$body"
        check_contains "… with her custom id" '"x-consumer-custom-id":["alice@example.com"]' "$body"
        check_contains "… which the gateway showed its own certificate" 'gateway.internal' \
            "$(grep -o '"client_certificate":"[^"]*"' <<<"$body" || true)"
    done
    # shellcheck disable=SC2046
    ask /mtls $(as bob)
    check "bob, who is in another group" 403 "$status"
    check_contains "… in Kong's words" '"message":"Youcannotconsumethisservice"' "$body"
    for client in mallory expired revoked; do
        # shellcheck disable=SC2046
        ask /mtls $(as $client)
        check "$client" 401 "$status"
        check_contains "… in Kong's words" '"message":"TLScertificatefailedverification"' "$body"
    done
    # shellcheck disable=SC2046
    ask /both $(as alice)
    check "alice behind the edge, each judged by an ACL" 200 "$status"
    # shellcheck disable=SC2046
    ask /both $(as bob)
    check "bob behind the edge" 403 "$status"
    forged=$("$built/certs" header encode --format alb "$scratch/clients/clients/alice.pem")
    for header in X-Amzn-Mtls-Clientcert x_amzn_mtls_clientcert; do
        ask /mtls --header "$header: $forged"
        check "alice's certificate as $header, without her key" 401 "$status"
    done
    # shellcheck disable=SC2046
    ask /mtls --header "X-Amzn-Mtls-Clientcert: $forged" $(as bob)
    check "… by bob" 403 "$status"
    ask /public --header "X-Amzn-Mtls-Clientcert: $forged" --header 'X-Consumer-Username: alice'
    case $body in
    *mtls-clientcert* | *x-consumer-username*) check "… reaches no upstream" "no such header" "$body" ;;
    *) check "… reaches no upstream" "200" "$status" ;;
    esac
    check "straight to the gateway with the header, by someone who is no edge" 401 \
        "$(from "${project}_middle" https://gateway.internal:9443/mtls --header "X-Amzn-Mtls-Clientcert: $forged")"
}

# places SERVICE ALIAS: its names and its address on each of its networks.
places() { echo "$1 $2 $(inspected "$1" '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}')"; }

# cut_off FROM NETWORK SERVICE ALIAS PORT: nothing of that service answers there.
cut_off() {
    local place
    for place in $(places "$3" "$4"); do
        check "$1 -> $3, as $place" unreachable "$(from "$2" "https://$place:$5/public")"
    done
}

isolation() {
    say "who reaches whom"
    local edge_network
    check "published by the edge" "8443/tcp -> 127.0.0.1:$port" "$(docker port "$(container edge)")"
    check "published by the gateway" "" "$(docker port "$(container gateway)")"
    check "published by the upstream" "" "$(docker port "$(container upstream)")"
    check "outside -> edge" 200 "$(from "${project}_outside" https://edge:8443/public)"
    cut_off outside "${project}_outside" gateway gateway.internal 9443
    cut_off outside "${project}_outside" upstream upstream.test 9444
    # As the edge itself, in its own network namespace.
    edge_network=container:$(container edge)
    check "edge -> gateway" 200 "$(from "$edge_network" https://gateway.internal:9443/public)"
    cut_off edge "$edge_network" upstream upstream.test 9444
    check "gateway -> upstream" 200 "$(from "container:$(container gateway)" https://upstream.test:9444/)"
    check "edge -> the gateway's status" unreachable "$(from "$edge_network" http://gateway.internal:8007/status)"
    check "outside -> the edge's metrics" unreachable "$(from "${project}_outside" http://edge:9901/metrics)"
}

# keys_of SERVICE: the private keys that it can see.
keys_of() { docker cp "$(container "$1"):/pki" - | tar -t | grep '\.key$' | sort | tr '\n' ' '; }

containment() {
    say "what a container may do and see"
    local service pid
    for service in $services pki; do
        check "$service: user, read-only root, capabilities" "65532:65532 true [ALL] [no-new-privileges:true] false" \
            "$(inspected $service '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.HostConfig.Privileged}}')"
    done
    for service in $services; do
        pid=$(inspected $service '{{.State.Pid}}')
        check "$service: as the kernel sees it" "Uid=65532 CapEff=0000000000000000 CapBnd=0000000000000000 NoNewPrivs=1 " \
            "$(docker run --rm --pid host --network none "$probe_image" bash -c "while read -r key value _; do
                case \$key in Uid:|CapEff:|CapBnd:|NoNewPrivs:) printf '%s=%s ' \${key%:} \$value ;; esac
            done </proc/$pid/status")"
    done
    check "edge: keys" "pki/edge/client.key pki/edge/server.key " "$(keys_of edge)"
    check "gateway: keys" "pki/gateway/client.key pki/gateway/server.key " "$(keys_of gateway)"
    check "upstream: keys" "pki/upstream/server.key " "$(keys_of upstream)"
}

# A label alone is in every program that reads PEM; a key has its base64 after it.
holds_key() { LC_ALL=C grep -aqPz -e '-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n[A-Za-z0-9+/]{32}'; }

images() {
    say "no secret in an image"
    local service layers names found
    if holds_key <"$scratch/clients/clients/alice.key"; then found=yes; else found=no; fi
    check "what is looked for would be found" yes "$found"
    for service in $services pki; do
        layers=$scratch/layers
        mkdir "$layers"
        docker save "$(inspected $service '{{.Image}}')" | tar -x -C "$layers"
        # Layers are compressed or not, as the engine keeps them.
        find "$layers" -type f -exec zcat -f {} + >"$scratch/image"
        # What is no layer lists nothing.
        names=$(find "$layers" -type f -exec sh -c 'zcat -f "$1" | tar -t 2>/dev/null' - {} \;)
        rm -rf "$layers"
        found=
        if grep -q '^usr/local/bin/.' <<<"$names"; then found="a program"; fi
        if grep -E '\.(key|pem|p12|crl|toml|yaml)$' <<<"$names"; then found="$found, a file of the PKI or a configuration"; fi
        if holds_key <"$scratch/image"; then found="$found, a key"; fi
        check "$service" "a program" "$found"
    done
    rm -f "$scratch/image"
}

recovery() {
    say "kill -9, and back by itself"
    local service
    for service in gateway edge upstream; do
        kill_9 "$service"
        if restarted "$service" 1 && wait_healthy 60 $services; then
            # shellcheck disable=SC2046
            ask /mtls $(as alice)
            check "$service killed, alice again" 200 "$status"
        else
            check "$service killed" "started again" "$(health "$service")"
        fi
    done
    compose stop --timeout 30 >/dev/null 2>&1
    for service in $services; do
        check "$service: exit code after SIGTERM" 0 "$(inspected "$service" '{{.State.ExitCode}}')"
    done
    say "stopped, and started once more: the PKI stays"
    compose up -d --no-build >/dev/null 2>"$scratch/up.log" || true
    wait_healthy 60 $services || true
    # shellcheck disable=SC2046
    ask /mtls $(as alice)
    check "alice with the certificate of the first start" 200 "$status"
}

# certs_command ARGUMENT…: in the one-shot container's place, on the PKI that it made.
certs_command() { compose run --rm --entrypoint /usr/local/bin/certs pki "$@" >>"$scratch/run.log" 2>&1; }

# The README's recipe.
change_of_pki() {
    say "issue and revoke while it runs"
    local service
    local -A since
    for service in edge gateway; do since[$service]=$(inspected $service '{{.State.StartedAt}}'); done
    certs_command issue /pki --name carol --usage client
    certs_command revoke /pki alice
    compose run --rm pki >>"$scratch/run.log" 2>&1
    compose kill -s HUP edge gateway >>"$scratch/run.log" 2>&1
    rm -rf "$scratch/clients"
    docker cp "$(container pki):/shares/clients" "$scratch/clients"
    local deadline=$((SECONDS + 20))
    while :; do
        # shellcheck disable=SC2046
        ask /mtls $(as alice)
        if [ "$status" != 200 ] || [ "$SECONDS" -ge "$deadline" ]; then break; fi
        sleep 0.2
    done
    check "alice, revoked" 401 "$status"
    # shellcheck disable=SC2046
    ask /mtls $(as bob)
    check "bob, as before" 403 "$status"
    # shellcheck disable=SC2046
    ask /mtls $(as carol)
    check "carol, whom no consumer stands for" 401 "$status"
    for service in edge gateway; do
        check "$service: has run all the while" "${since[$service]}" "$(inspected $service '{{.State.StartedAt}}')"
    done
}

# Mutual TLS with all upstreams: one node shows a certificate to everybody, the other asks everybody for one.
two_gateways() {
    say "two gateways, by KONG_* alone"
    SALLYPORT_FIRST_PORT=$(free_port 18000)
    export SALLYPORT_FIRST_PORT
    compose_two build first-gateway second-gateway >"$scratch/build.log" 2>&1 ||
        give_up "cannot build the gateways' images: $(tail -n 20 "$scratch/build.log")"
    compose_two up -d --no-build first-gateway second-gateway >"$scratch/up.log" 2>&1 || true
    if ! wait_healthy 60 first-gateway second-gateway; then
        cat "$scratch/up.log" >&2
        compose_two logs --tail 20 pki first-gateway second-gateway >&2 || true
        check "both" healthy unhealthy
        return
    fi
    local path
    for path in /orders /stock; do
        status=$(curl --silent --max-time 20 --output "$scratch/body" --write-out '%{http_code}' \
            "http://127.0.0.1:$SALLYPORT_FIRST_PORT$path") || true
        body=$(tr -d ' \n' <"$scratch/body")
        check "$path through both" 200 "$status"
        check_contains "… as the first node" '"x-consumer-username":["edge.internal"]' "$body"
    done
    check "straight to the second, without a certificate" 401 "$(from "${project}_middle" https://gateway.test:9443/orders)"
}

require_engine
started=no
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
scratch=$(mktemp -d)

say "building the programs"
(cd "$repository" && cargo build --release -p edge-proxy -p api-gateway -p certs -p e2e \
    --bin edge-proxy --bin api-gateway --bin certs --bin compose-pki --bin echo-upstream)
"$compose_directory/prebuilt.sh"

started=yes
port=$(free_port 18443)
export SALLYPORT_PORT=$port SALLYPORT_PROJECT=$project
unset SALLYPORT_PKI
say "building the images"
compose build >"$scratch/build.log" 2>&1 || give_up "cannot build the images: $(tail -n 20 "$scratch/build.log")"
build_probe

say "starting project $project on 127.0.0.1:$port"
if ! compose up -d --no-build >"$scratch/up.log" 2>&1 || ! wait_healthy 120 $services; then
    cat "$scratch/up.log" >&2
    compose logs --tail 40 >&2 || true
    give_up "the containers did not become healthy"
fi
check "pki: made the PKI and ended" 0 "$(inspected pki '{{.State.ExitCode}}')"
docker cp "$(container pki):/shares/clients" "$scratch/clients"

requests
isolation
containment
images
recovery
change_of_pki
two_gateways

if [ "$failed" -gt 0 ]; then compose logs --no-color --tail 20 >&2 || true; fi
say "down"
down
started=no
for kind in container volume network; do
    check "${kind}s left behind" 0 "$(left_behind $kind)"
done
check "images left behind" 0 "$(docker image ls --quiet --filter "label=sallyport.project=$project" | wc -l)"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
