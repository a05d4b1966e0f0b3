// The backend that needs no privilege: a tracer that translates each call.
#pragma once

#include <memory>

#include "engine/backend.h"

namespace nestp {

std::unique_ptr<Backend> make_ptrace_backend();

}  // namespace nestp
