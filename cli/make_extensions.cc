#include "cli/make_extensions.h"

#include "extensions/kernel_name.h"

namespace nestp {

std::vector<std::unique_ptr<Extension>> make_extensions(const Request& request) {
  std::vector<std::unique_ptr<Extension>> extensions;
  extensions.push_back(std::make_unique<KernelName>(request.kernel, !request.kernel.is_empty()));
  return extensions;
}

}  // namespace nestp
