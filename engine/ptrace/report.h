// What nestp says about a guest thread that ends badly.
#pragma once

#include <string_view>

#include "engine/ptrace/thread.h"

namespace nestp {

class Tracer;

/// Before a signal that will end the guest is delivered: its call chain, on standard error.
/// Nothing for signals that the guest handles or ignores.
void report_fatal_signal(const Tracer& tracer, const Thread& thread, int signal);

/// A state that nestp did not foresee: says so with registers and call chain, and
/// kills that thread's process.  The other guests go on.
void stop_process(const Tracer& tracer, const Thread& thread, std::string_view what);

}  // namespace nestp
