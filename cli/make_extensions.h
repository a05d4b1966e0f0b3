// The extensions that a Request asks for: the one place that names them all.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cli/options.h"
#include "engine/extension.h"
#include "extensions/emulator.h"

namespace nestp {

/// What the extensions need to know besides.
struct ExtensionSurroundings {
  std::string rootfs;                        ///< host path of what the guest has as "/"
  std::span<const std::string> environment;  ///< nestp's own
};

/// In the order in which they see a call on entry: whoever may refuse a call first,
/// whoever fills in the answer last.
std::vector<std::unique_ptr<Extension>> make_extensions(const Request& request,
                                                        const ExtensionSurroundings& surroundings,
                                                        std::unique_ptr<Emulator> emulator);

}  // namespace nestp
