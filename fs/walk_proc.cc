// The steps of a resolution inside /proc, where links lead to what only the kernel or the tracer
// knows.
#include <cerrno>
#include <fcntl.h>

#include "fs/fd.h"
#include "fs/proc_links.h"
#include "fs/walk.h"

namespace nestp {
namespace {

bool is_removed(std::string_view place) { return place.ends_with(" (deleted)"); }

}  // namespace

SysResult<Walk::Step> Walk::take_proc_name(std::string_view name, bool is_last, bool follow) {
  unchanged_ = false;
  const ProcLink link = proc_link(at_.host(), name);
  const ProcessFacts* facts = from_.processes;
  switch (link.name) {
    case ProcName::unknown:
      return Step::ordinary;
    case ProcName::plain:
      at_.push(name, PathCache::kUncached);
      return arrive(is_last);
    case ProcName::self:
      if (!follow || from_.process == 0) return Step::ordinary;
      return follow_link(std::to_string(from_.process));
    case ProcName::thread_self:
      if (!follow || from_.thread == 0) return Step::ordinary;
      return follow_link(std::to_string(from_.process) + "/task/" + std::to_string(from_.thread));
    case ProcName::executable: {
      auto program = facts != nullptr ? facts->executable(link.process) : std::nullopt;
      if (!program) return take_magic_link(name, is_last, follow);
      if (follow) return jump(*program, is_last);
      if (last_ == LastLink::keep) executable_ = std::move(program);
      at_.push(name, PathCache::kUncached);
      return arrive(is_last);
    }
    case ProcName::root: {
      const auto root = facts != nullptr ? facts->root(link.process) : std::nullopt;
      if (root && follow) return jump(*root, is_last);
      return take_magic_link(name, is_last, follow);
    }
    case ProcName::object:
      return take_magic_link(name, is_last, follow);
  }
  return Step::ordinary;
}

SysResult<> Walk::count_magic_link() {
  if (flags_ & (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)) return Errno(ELOOP);
  if (flags_ & kScoped) return Errno(EXDEV);
  if (++links_ > kMaxLinks) return Errno(ELOOP);
  return Done{};
}

/// Follows a link of /proc to a place that is known without asking the kernel.
SysResult<Walk::Step> Walk::jump(const GuestPath& place, bool is_last) {
  if (const auto counted = count_magic_link(); !counted) return counted.error();
  at_.enter(place);
  anchored_ = false;
  if (const auto mount = check_mount(); !mount) return mount.error();
  return arrive(is_last);
}

/// A link that only the kernel can follow: what it leads to may have no name at all.
SysResult<Walk::Step> Walk::take_magic_link(std::string_view name, bool is_last, bool follow) {
  if (follow) {
    if (const auto counted = count_magic_link(); !counted) return counted.error();
  }
  if (is_last) {
    magic_ = true;
    at_.push(name, PathCache::kUncached);
    return arrive(true);
  }
  const auto target = read_link(at_.host_of(name));
  // A name with " (deleted)" behind it may be another file's by now.
  if (target && target->starts_with('/') && !is_removed(*target)) {
    const auto host = HostPath::parse(*target);
    const auto place = host ? name_of(*host, name) : SysResult<GuestPath>(host.error());
    if (place) {
      anchor_ = at_.host_of(name);
      anchored_host_ = *target;
      anchored_ = true;
      at_.enter(*place);
      if (const auto mount = check_mount(); !mount) return mount.error();
      return Step::more;
    }
  }
  if (!has_parent_component(rest_)) return hand_on(name);
  if (!target) return target.error();
  if (!target->starts_with('/')) return Errno(ENOTDIR);
  return is_removed(*target) ? leave_removed(name) : Errno(EACCES);
}

/// The magic link `name` leads to a removed directory: by its ".." there is a way up.
SysResult<Walk::Step> Walk::leave_removed(std::string_view name) {
  const std::string_view behind = rest_;
  const pid_t process = proc_link(at_.host(), name).process;
  auto used = from_.processes != nullptr ? from_.processes->used_name(process, name) : std::nullopt;
  std::string anchor = at_.host_of(name);
  for (bool is_last = false; !is_last;) {
    if (const auto search = check_search(from_, anchor); !search) return search.error();
    if (!take_parent_component(rest_)) return Errno(ENOENT);
    is_last = rest_.empty();
    if (is_last && last_ == LastLink::entry) break;
    anchor += "/..";
    const auto parent = open_at(AT_FDCWD, anchor, O_PATH | O_DIRECTORY);
    if (!parent) return parent.error();
    auto place = read_link("/proc/self/fd/" + std::to_string(parent->get()));
    if (!place) return place.error();
    if (used) used = used->parent();
    if (is_removed(*place)) continue;
    const auto host = HostPath::parse(*place);
    if (!host) return host.error();
    const bool is_used = used && from_.view.to_host(*used) == *host;
    const auto guest = is_used ? SysResult<GuestPath>(*used) : from_.view.to_guest(*host);
    if (!guest) return Errno(EACCES);
    anchor_ = std::move(anchor);
    anchored_host_ = *std::move(place);
    anchored_ = true;
    at_.enter(*guest);
    if (const auto mount = check_mount(); !mount) return mount.error();
    return arrive(is_last);
  }
  rest_ = behind;
  return hand_on(name);
}

/// The guest's own name of what the magic link `name` in at_ stands for.
SysResult<GuestPath> Walk::name_of(const HostPath& host, std::string_view name) const {
  if (from_.processes != nullptr && from_.view.is_ambiguous()) {
    const ProcLink link = proc_link(at_.host(), name);
    const auto used = from_.processes->used_name(link.process, name);
    if (used && from_.view.to_host(*used) == host) return *used;
  }
  return from_.view.to_guest(host);
}

}  // namespace nestp
