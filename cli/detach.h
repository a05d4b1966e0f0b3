// --on-exit=detach: nestp returns with the first process, others live on.
#pragma once

#include "cli/make_guest.h"
#include "engine/backend.h"

namespace nestp {

/// The exit status a person sees for a status of waitpid(2).
int exit_code_of_status(int status);

/// Runs the guest under a tracer in a process of its own.  In this process it does not return
/// but exits with the first process's code.  In the tracer it returns when the last guest has
/// ended; from the first one's end on that has no standard streams.
Outcome<ExitStatus, StartError> run_detached(PreparedGuest& prepared, Backend& backend);

}  // namespace nestp
