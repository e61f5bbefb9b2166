# One static binary on an empty image: nothing to log in to, nothing to patch but itself.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -buildvcs=false -trimpath \
    -ldflags "-s -w -X main.version=$VERSION" -o /settlecancel ./cmd/settlecancel

FROM scratch
# The gateway is spoken to over TLS only. Time zones are in the binary.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /settlecancel /settlecancel
USER 65532:65532
# 8080: API and dashboard of `server`; 9090: health and metrics of `worker`.
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/settlecancel", "healthcheck"]
ENTRYPOINT ["/settlecancel"]
CMD ["worker"]
