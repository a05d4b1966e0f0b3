#include "engine/backend.h"
#include "engine/gate/layout.h"
#include "engine/namespace/backend.h"
#include "engine/ptrace/backend.h"

namespace nestp {

bool processor_has_fast_path() { return gate::kHasHandler; }

std::vector<std::unique_ptr<Backend>> all_backends() {
  std::vector<std::unique_ptr<Backend>> all;
  all.push_back(make_chroot_backend());
  all.push_back(make_namespace_backend());
  all.push_back(make_ptrace_backend());
  return all;
}

}  // namespace nestp
