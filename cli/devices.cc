#include "cli/devices.h"

#include <array>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "cli/command.h"

namespace nestp {
namespace {

using Link = std::pair<const char*, const char*>;
constexpr std::array kLinks{Link{"/fd", "/proc/self/fd"}, Link{"/stdin", "/proc/self/fd/0"},
                            Link{"/stdout", "/proc/self/fd/1"}, Link{"/stderr", "/proc/self/fd/2"}};

}  // namespace

std::vector<RequestedBinding> device_bindings() {
  std::vector<RequestedBinding> bindings{
      {.guest = "/dev", .kind = RequestedBinding::Kind::temporary}};
  for (const char* const name :
       {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm"}) {
    const std::string path = std::string("/dev/") + name;
    // A container may lack one; that is no reason to refuse the others.
    bindings.push_back({.host = path, .guest = path, .optional = true});
  }
  return bindings;
}

void make_device_links(const View& view) {
  const SysResult<GuestPath> place = find_directory(view, "/dev");
  if (!place) return;
  // A later binding may have covered it; the host's own /dev gets no links from us.
  const Binding* const binding = view.binding_at(*place);
  if (binding == nullptr || binding->type != "tmpfs") return;
  const std::string host = binding->host.text();
  for (const auto& [name, target] : kLinks) {
    // A link that cannot be made is missed only by who uses it.
    (void)::symlink(target, (host + name).c_str());
  }
  (void)::chmod(host.c_str(), 0755);
}

}  // namespace nestp
