// Package containers holds tests alone: they run what docker-compose.yml describes in a real
// container engine, and break it. `make containers` runs the first, `make hosts` the second.
//
//   - TestCompose builds the image, brings the stack up as README says, with the demo and without,
//     and looks whether what the file promises holds: who may reach whom, under which user, what
//     comes back by itself, what a stop and an upgrade under load cost.
//   - TestHosts gives every process a container and an address of its own, kills, pauses and
//     disconnects them one by one under load, and prints how long nothing was accepted.
//
// Both compare what the simulated gateway applied with what was accepted: everything once. They
// stand behind build tags because they need an engine, and minutes. Where it reaches no registry,
// .ci/stand-ins makes the images that the files name.
package containers
