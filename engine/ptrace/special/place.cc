#include "engine/ptrace/special/place.h"

#include <cerrno>

#include "engine/ptrace/tracer.h"
#include "engine/ptrace/translate.h"
#include "fs/fd.h"

namespace nestp {
namespace {

/// What the kernel calls the object: links of /proc followed, "." and slashes gone.
SysResult<HostPath> host_of(CallFrame& frame, const Resolved& resolved) {
  if (!resolved.magic && resolved.binding != nullptr) {
    return frame.tracer().view(frame.thread()).to_host(resolved.guest);
  }
  std::string text = resolved.host;
  if (resolved.magic) {
    auto target = read_link(text);
    if (!target) return target.error();
    text = *std::move(target);
  }
  while (text.size() > 1 && (text.ends_with('/') || text.ends_with("/.")))
    text.pop_back();
  const auto host = HostPath::parse(text);
  if (!host) return Errno(EINVAL);  // a pipe, a socket
  return *host;
}

}  // namespace

SysResult<Place> find_place(CallFrame& frame, int index, LastLink last) {
  const auto text = frame.memory().read_string(frame.address(index));
  if (!text) return text.error();
  if (text->empty()) return Errno(ENOENT);
  const auto resolved = resolve_text(frame, *text, last);
  if (!resolved) return resolved.error();
  const auto status = last == LastLink::follow ? stat_of(resolved->host) : lstat_of(resolved->host);
  if (!status) return status.error();
  const auto host = host_of(frame, *resolved);
  if (!host) return host.error();
  Place place{.guest = resolved->guest, .host = *host, .is_directory = S_ISDIR(status->st_mode)};
  if (resolved->magic) {
    const auto name = frame.tracer().view(frame.thread()).to_guest(*host);
    place.is_outside = !name;
    if (name) place.guest = *name;
  } else {
    place.is_outside = resolved->binding == nullptr;
  }
  return place;
}

}  // namespace nestp
