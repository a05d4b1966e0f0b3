// Which calls of a guest must stop: from the rows, the view and the extensions.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/extension.h"
#include "engine/guest.h"
#include "engine/ptrace/seccomp.h"

namespace nestp {

FilterRequest filter_request(const Guest& guest,
                             std::span<const std::unique_ptr<Extension>> extensions);

}  // namespace nestp
