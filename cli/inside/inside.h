// The program that nestp brings into guests: a static one, which runs in any root file system.
#pragma once

namespace nestp::inside {

/// As `loops`: what `nestp bench` measures.
int run_loops(int argc, char** argv);
/// As `host-run`, or by any other name: a command of the host, for a session that allows it.
int run_on_host(int argc, char** argv);

}  // namespace nestp::inside
