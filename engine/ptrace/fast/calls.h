// Which calls the handler may answer, and how: made from the syscall table.
#pragma once

#include <array>

#include "arch/abi.h"
#include "engine/extension.h"
#include "engine/gate/memo.h"

namespace nestp {

using FastCalls = std::array<gate::FastCall, gate::kFastCalls>;

/// By number of `abi`.  Calls in `wanted`, those an extension must see, are the tracer's.
/// `has_world`: those of calls_of_world(), too, are the handler's.
FastCalls fast_calls(const Abi& abi, const SysSet& wanted, bool has_world = false);

/// Calls that the handler can answer as an InsideWorld has them.
SysSet calls_of_world();

}  // namespace nestp
