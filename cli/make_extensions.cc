#include "cli/make_extensions.h"

#include <utility>

#include "extensions/kernel_name.h"

namespace nestp {

std::vector<std::unique_ptr<Extension>> make_extensions(const Request& request,
                                                        std::unique_ptr<Emulator> emulator) {
  std::vector<std::unique_ptr<Extension>> extensions;
  extensions.push_back(std::make_unique<KernelName>(request.kernel, !request.kernel.is_empty()));
  extensions.push_back(std::move(emulator));
  return extensions;
}

}  // namespace nestp
