// The extensions that a Request asks for: the one place that names them all.
#pragma once

#include <memory>
#include <vector>

#include "cli/options.h"
#include "engine/extension.h"
#include "extensions/emulator.h"

namespace nestp {

/// In the order in which they see a call on entry: whoever may refuse a call first,
/// whoever fills in the answer last.
std::vector<std::unique_ptr<Extension>> make_extensions(const Request& request,
                                                        std::unique_ptr<Emulator> emulator);

}  // namespace nestp
