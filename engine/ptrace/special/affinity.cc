// The CPUs a thread may run on, asked or set: placement.h must not show.
#include "engine/ptrace/special/special.h"
#include "engine/ptrace/tracer.h"

namespace nestp {

void special_affinity(CallFrame& frame) { frame.tracer().placement.release(); }

}  // namespace nestp
