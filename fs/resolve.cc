#include "fs/resolve.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <utility>

#include "fs/fd.h"
#include "fs/walk.h"

namespace nestp {
namespace {

constexpr std::size_t kPathMax = 4096;  // bytes with the NUL (PATH_MAX)

/// `path` with the components of `rest`, which holds no "..", behind it.
GuestPath appended(GuestPath path, std::string_view rest) {
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view name = rest.substr(0, end);
    if (!name.empty() && name != ".") path = path.child(name);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return path;
}

}  // namespace

bool has_parent_component(std::string_view rest) {
  for (std::size_t at = rest.find(".."); at != rest.npos; at = rest.find("..", at + 1)) {
    const bool starts = at == 0 || rest[at - 1] == '/';
    const bool ends = at + 2 == rest.size() || rest[at + 2] == '/';
    if (starts && ends) return true;
  }
  return false;
}

SysResult<> check_search(const ResolveFrom& from, const std::string& host) {
  if (!from.judged) return check_search(host);
  return from.processes->search({.thread = from.thread, .by_real_ids = from.by_real_ids}, host);
}

SysResult<Resolved> Walk::run(std::string_view text) {
  if (text.empty()) return Errno(ENOENT);
  if (text.size() >= kPathMax) return Errno(ENAMETOOLONG);
  rest_ = text;
  unchanged_ = text.front() != '/';
  anchored_ = unchanged_;
  anchor_ = from_.base_anchor;
  anchored_host_ = from_.base_host;
  if (unchanged_ && !from_.base && from_.base_host.empty()) {
    return Resolved{.host = std::string(text), .unchanged = true};
  }
  if (const auto started = start(); !started) return started.error();
  while (true) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of('/'), rest_.size()));
    if (rest_.empty()) break;  // the text, or that of a link, is "/"
    const auto step = take_component();
    if (!step) return failed(text, search_error_.value_or(step.error()));
    if (*step != Step::done) continue;
    if (search_error_) return failed(text, *search_error_);
    return finish();
  }
  if (search_error_) return failed(text, *search_error_);
  Resolved found = finish();
  if (last_ != LastLink::entry) return found;
  found.host = "/";
  found.at_mount_point = false;
  return found;
}

SysResult<Resolved> Walk::failed(std::string_view text, Errno error) const {
  if (!from_.kernel_judges || from_.judged || !unchanged_ || flags_ != 0) return error;
  return Resolved{.host = std::string(text), .unchanged = true};
}

SysResult<> Walk::start() {
  if (!unchanged_) {
    if (flags_ & RESOLVE_BENEATH) return Errno(EXDEV);
    enter_root();
  } else if (from_.base) {
    at_.enter(*from_.base);
  } else {
    at_.enter_outside(from_.base_host);
  }
  if (flags_ & RESOLVE_NO_XDEV) {
    first_binding_ = at_.binding();
    if (const auto mount = mount_id_of(at_.host(), AT_SYMLINK_NOFOLLOW)) first_mount_ = *mount;
  }
  return Done{};
}

/// Where absolute texts start.
void Walk::enter_root() {
  anchored_ = (flags_ & kScoped) != 0;
  if ((flags_ & kScoped) == 0) {
    at_.enter(from_.root);
  } else if (from_.base) {
    at_.enter(*from_.base);
  } else {
    at_.enter_outside(from_.base_host);
  }
}

bool Walk::is_at_root() const {
  if (at_.at_top()) return true;
  if ((flags_ & kScoped) == 0) return !at_.is_outside() && at_.guest() == from_.root.text();
  if (from_.base) return !at_.is_outside() && at_.guest() == from_.base->text();
  return at_.is_outside() && at_.host() == from_.base_host;
}

SysResult<Walk::Step> Walk::take_component() {
  if (from_.judged) {
    if (const auto search = check_search(from_, at_.host()); !search) return search.error();
  }
  const std::size_t end = std::min(rest_.find('/'), rest_.size());
  const std::string_view name = rest_.substr(0, end);
  rest_.remove_prefix(end);
  const bool is_last = rest_.find_first_not_of('/') == rest_.npos;
  if (name == "..") return take_parent(is_last);
  if (name != ".") return take_name(name, is_last);
  if (!is_last) return Step::more;
  // Only the kernel knows whether this is a directory that may be searched.
  suffix_ = rest_.empty() ? "/." : "/./";
  return Step::done;
}

SysResult<Walk::Step> Walk::take_parent(bool is_last) {
  if (is_last && last_ == LastLink::entry) {
    const bool crosses = at_.at_mount() && !is_at_root();
    if (crosses && (flags_ & RESOLVE_NO_XDEV)) return Errno(EXDEV);
    suffix_ = rest_.empty() ? "/.." : "/../";
    return Step::done;
  }
  // Where the ".." will not be in the path that the kernel sees, its check is made here.
  if (const auto search = check_left(); !search) return search.error();
  if (is_at_root()) {
    if (flags_ & RESOLVE_BENEATH) return Errno(EXDEV);
    if (!at_.is_outside()) unchanged_ = false;
  } else if (at_.at_mount()) {
    unchanged_ = false;
    anchored_ = false;
    at_.leave_mount();
  } else {
    const bool leaves_anchor = anchored_ && at_.host() == anchored_host_;
    at_.pop();
    if (leaves_anchor) {
      anchor_ += "/..";
      anchored_host_ = at_.host();
    }
  }
  if (const auto mount = check_mount(); !mount) return mount.error();
  return arrive(is_last);
}

/// The walk leaves this directory for one that is not below it on the host, so that the
/// kernel will not see it.
SysResult<> Walk::check_left() {
  if (at_.at_top()) return Done{};
  auto search = check_search(at_.host());
  if (!search && search.error() == Errno(EACCES)) search = check_search(anchored(at_.host()));
  if (!search && is_undone(search.error(), at_.host())) search = check_search(at_.host());
  if (search) return Done{};
  if (!unchanged_) return search.error();
  if (!search_error_) search_error_ = search.error();
  return Done{};
}

SysResult<Walk::Step> Walk::take_name(std::string_view name, bool is_last) {
  if (at_.is_mount(name)) {
    if (const auto search = check_left(); !search) return search.error();
    at_.enter_mount(name);
    unchanged_ = false;
    anchored_ = false;
    if (const auto mount = check_mount(); !mount) return mount.error();
    return arrive(is_last);
  }
  const bool follow =
      !is_last || last_ == LastLink::follow || (last_ == LastLink::keep && !rest_.empty());
  if (at_.in_proc()) {
    const auto step = take_proc_name(name, is_last, follow);
    if (!step || *step != Step::ordinary) return step;
  }
  PathCache::Fact fact{.kind = PathCache::Kind::plain};
  if (follow) {
    fact = cache_.find(at_.id(), name);
    if (fact.kind == PathCache::Kind::unknown) {
      const auto seen = look(name);
      if (!seen && is_last && seen.error() == Errno(ENOENT)) {
        // No link either: what is made here later can only be one by a call that is noticed.
        cache_.remember(at_.id(), name, PathCache::Kind::plain);
        return hand_on(name);
      }
      if (!seen) {
        if (!is_last && has_parent_component(rest_)) return seen.error();
        return hand_on(name);
      }
      fact = *seen;
    }
    if (fact.kind == PathCache::Kind::link) return follow_link(fact.target);
  }
  at_.push(name, fact.id);
  if (const auto mount = check_mount(); !mount) return mount.error();
  return arrive(is_last);
}

SysResult<PathCache::Fact> Walk::look(std::string_view name) {
  auto text = read_link(at_.host_of(name));
  if (!text && text.error() == Errno(EACCES)) text = read_link(anchored(at_.host_of(name)));
  if (!text && is_undone(text.error(), at_.host_of(name))) text = read_link(at_.host_of(name));
  if (text) {
    link_text_ = *std::move(text);
    cache_.remember(at_.id(), name, PathCache::Kind::link, link_text_);
    return PathCache::Fact{.kind = PathCache::Kind::link, .target = link_text_};
  }
  if (text.error() != Errno(EINVAL)) return text.error();
  const PathCache::Id id = cache_.remember(at_.id(), name, PathCache::Kind::plain);
  return PathCache::Fact{.kind = PathCache::Kind::plain, .id = id};
}

/// A walk from a base needs no permission on what lies above that: the same file by way
/// of the base; `host` itself if there is no such way.
std::string Walk::anchored(const std::string& host) const {
  if (!anchored_ || anchor_.empty() || !host.starts_with(anchored_host_)) return host;
  const std::size_t size = anchored_host_.size();
  if (host.size() > size && host[size] != '/') return host;
  return anchor_ + host.substr(size);
}

/// A refusal that somebody lifts.
bool Walk::is_undone(Errno error, const std::string& host) const {
  return error == Errno(EACCES) && from_.processes != nullptr && from_.processes->on_denied(host);
}

SysResult<Walk::Step> Walk::follow_link(std::string_view target) {
  // What the cache knows of links, the kernel would have had to search for.
  if (flags_ != 0) {
    if (const auto search = check_left(); !search) return search.error();
  }
  if (flags_ & RESOLVE_NO_SYMLINKS) return Errno(ELOOP);
  if (++links_ > kMaxLinks) {
    const auto search = check_search(at_.host());
    return search ? Errno(ELOOP) : search.error();
  }
  std::string text;
  text.reserve(target.size() + rest_.size());
  text += target;
  text += rest_;
  buffer_ = std::move(text);
  rest_ = buffer_;
  if (!rest_.starts_with('/')) return Step::more;
  if (flags_ & RESOLVE_BENEATH) return Errno(EXDEV);
  if (const auto search = check_left(); !search) return search.error();
  unchanged_ = false;
  enter_root();
  if (const auto mount = check_mount(); !mount) return mount.error();
  return Step::more;
}

namespace {

/// `rest` without what leads nowhere: it was counted in the guest's text, not in the host's.
std::string shortened(std::string_view rest) {
  const bool has_slash = rest.ends_with('/') || rest.ends_with("/.");
  std::string text;
  for (std::size_t at = 0; at < rest.size();) {
    const std::size_t end = std::min(rest.find('/', at), rest.size());
    const std::string_view name = rest.substr(at, end - at);
    if (!name.empty() && name != ".") text.append("/").append(name);
    at = end + 1;
  }
  return has_slash ? text + '/' : text;
}

}  // namespace

/// At `at_` with nothing but slashes left, or on the way.
Walk::Step Walk::arrive(bool is_last) {
  if (!is_last) return Step::more;
  suffix_ = rest_.empty() ? "" : "/";
  return Step::done;
}

/// Leaves `name` and all behind it to the kernel.
Walk::Step Walk::hand_on(std::string_view name) {
  at_.push(name, PathCache::kUncached);
  suffix_ = rest_;
  raw_ = true;
  return Step::done;
}

SysResult<> Walk::check_mount() const {
  if ((flags_ & RESOLVE_NO_XDEV) == 0) return Done{};
  if (at_.binding() != first_binding_) return Errno(EXDEV);
  const auto mount = mount_id_of(at_.host(), AT_SYMLINK_NOFOLLOW);
  if (mount && first_mount_ && *mount != *first_mount_) return Errno(EXDEV);
  return Done{};
}

Resolved Walk::finish() {
  Resolved found;
  found.binding = at_.binding();
  found.at_mount_point = at_.at_mount() && !raw_ && !suffix_.starts_with("/.");
  found.unchanged = unchanged_;
  found.magic = magic_;
  if (at_.binding() != nullptr) {
    found.guest = GuestPath::of_canonical(at_.guest());
    if (raw_) found.guest = appended(std::move(found.guest), suffix_);
  }
  if (executable_) {
    found.guest = *std::move(executable_);
    found.is_executable_link = true;
  }
  if (at_.host().size() > 1) found.host.reserve(at_.host().size() + suffix_.size());
  if (at_.host().size() > 1 || suffix_.empty()) found.host = at_.host();
  const bool is_too_long = raw_ && at_.host().size() + suffix_.size() >= kPathMax;
  found.host += is_too_long ? shortened(suffix_) : suffix_;
  if (anchored_ && !anchor_.empty()) {
    found.by_base = anchored(found.host);
    if (found.by_base == anchor_) found.by_base += "/.";  // the anchor itself is a link
  }
  return found;
}

SysResult<Resolved> Resolver::resolve(const ResolveFrom& from, std::string_view text, LastLink last,
                                      ResolveFlags flags) {
  cache_.begin_walk();
  return Walk(cache_, from, last, flags).run(text);
}

}  // namespace nestp
