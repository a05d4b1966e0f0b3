#include "cli/make_extensions.h"

#include <cstdlib>
#include <string>
#include <unistd.h>
#include <utility>

#include "extensions/fake_proc.h"
#include "extensions/hidden_files.h"
#include "extensions/identity/identity.h"
#include "extensions/kernel_name.h"
#include "extensions/link_calls.h"
#include "extensions/link_faces.h"
#include "extensions/link_sizes.h"
#include "extensions/missing_calls.h"
#include "extensions/ports.h"
#include "extensions/sysv_ipc/sysv_ipc.h"
#include "fs/fd.h"

namespace nestp {
namespace {

/// For records that cannot lie beside the root file system; empty: there is no such place.
std::string state_directory(std::span<const std::string> environment) {
  if (const auto state = find_variable(environment, "XDG_STATE_HOME"); state && !state->empty()) {
    return std::string(*state) + "/nestp";
  }
  const auto home = find_variable(environment, "HOME");
  return home && !home->empty() ? std::string(*home) + "/.local/state/nestp" : std::string();
}

/// False for the root of a user namespace that was given too few ids to own a system's files.
bool has_ids_of_a_system() {
  constexpr unsigned kFewest = 65'000;  // what is usual, but for a few
  for (const char* const map : {"/proc/self/uid_map", "/proc/self/gid_map"}) {
    const auto text = read_file(map);
    if (!text) continue;  // no user namespaces here
    unsigned long long all = 0;
    std::size_t column = 0;  // of three: the first id inside, the first outside, how many
    const char* next = text->c_str();
    for (char* end = nullptr;; next = end, ++column) {
      const unsigned long long number = std::strtoull(next, &end, 10);
      if (end == next) break;
      if (column % 3 == 2) all += number;
    }
    if (all < kFewest) return false;
  }
  return true;
}

std::unique_ptr<Extension> make_identity(const Request& request,
                                         const ExtensionSurroundings& surroundings) {
  // Who is root need not be made to believe it.
  const bool is_root = ::geteuid() == 0 && request.ids == Request::Ids{} && has_ids_of_a_system();
  if (!request.ids || is_root) return nullptr;
  return std::make_unique<Identity>(
      Identity::Settings{.user = request.ids->user,
                         .group = request.ids->group,
                         .rootfs = surroundings.rootfs,
                         .state_directory = state_directory(surroundings.environment)});
}

}  // namespace

std::vector<std::unique_ptr<Extension>> make_extensions(const Request& request,
                                                        const ExtensionSurroundings& surroundings,
                                                        std::unique_ptr<Emulator> emulator) {
  std::vector<std::unique_ptr<Extension>> extensions;
  if (request.hide_files) {
    extensions.push_back(std::make_unique<HiddenFiles>(std::vector<std::string>{".proot"}));
  }
  if (!request.ports.empty() || request.free_ports) {
    extensions.push_back(std::make_unique<Ports>(
        request.ports, request.free_ports ? find_free_port : Ports::Finder()));
  }
  if (request.emulate_links) extensions.push_back(std::make_unique<LinkFaces>());
  if (request.link_sizes) extensions.push_back(std::make_unique<LinkSizes>());
  if (request.own_ipc || SysvIpc::is_missing()) {
    const Request::Ids ids = request.ids.value_or(Request::Ids{::geteuid(), ::getegid()});
    extensions.push_back(
        std::make_unique<SysvIpc>(sysv_ipc::Owner{ids.user, ids.group}, request.own_ipc));
  }
  // Before the kernel's name, which changes what it makes up.
  if (request.fake_proc) {
    auto names = FakeProc::unreadable();
    if (!names.empty()) extensions.push_back(std::make_unique<FakeProc>(std::move(names)));
  }
  auto kernel = std::make_unique<KernelName>(request.kernel, !request.kernel.is_empty(),
                                             request.strict_kernel);
  if (std::unique_ptr<Extension> ids = make_identity(request, surroundings)) {
    constexpr unsigned kAdminister = 21;  // CAP_SYS_ADMIN
    kernel->set_privilege(
        [ids = ids.get()](pid_t thread) { return ids->has_capability(thread, kAdminister); });
    extensions.push_back(std::move(ids));
  }
  // Who may make a link is decided before one is made.
  if (request.emulate_links) extensions.push_back(std::make_unique<LinkCalls>());
  extensions.push_back(std::move(kernel));
  if (const auto promised = version_code(request.kernel.release.value_or(""))) {
    const SysSet missing = MissingCalls::missing_here(*promised);
    if (missing.any()) {
      extensions.push_back(std::make_unique<MissingCalls>(missing, MissingCalls::real_facts()));
    }
  }
  extensions.push_back(std::move(emulator));
  return extensions;
}

}  // namespace nestp
