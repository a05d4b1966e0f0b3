#include "fs/mount_plan.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "fs/fd.h"
#include "fs/resolve.h"

namespace nestp {
namespace {

Error failure(const std::string& path, int code) { return {path + ": " + std::strerror(code)}; }

/// Against the caller's own directory.
std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  char* directory = ::getcwd(nullptr, 0);
  std::string text = directory == nullptr ? "/" : directory;
  std::free(directory);
  return text + "/" + path;
}

/// "." and ".." taken out of the text, for a guest path that does not exist.
GuestPath lexically_canonical(std::string_view text) {
  GuestPath path = GuestPath::root();
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('/'), text.size());
    const std::string_view name = text.substr(0, end);
    if (name == "..") {
      path = path.parent();
    } else if (!name.empty() && name != ".") {
      path = path.child(name);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return path;
}

std::size_t depth_of(const GuestPath& path) {
  const std::string& text = path.text();
  return path.is_root() ? 0 : static_cast<std::size_t>(std::count(text.begin(), text.end(), '/'));
}

/// Makes a view from requests; lives for that long.
class Planner {
 public:
  Planner(SessionDirectory& session, std::vector<std::string>& warnings)
      : session_(session), warnings_(warnings) {}

  Result<std::shared_ptr<const View>> plan(const std::vector<BindingRequest>& requests);

 private:
  Result<> add_root(const BindingRequest& request);
  Result<> add(const BindingRequest& request);
  Result<Binding> take_host(const BindingRequest& request);
  GuestPath take_guest(const BindingRequest& request);
  Result<> make_visible(Binding& binding);
  Result<> stand_in(const GuestPath& missing, const Binding& binding);
  Result<> make_place(const HostPath& place, bool is_directory);
  /// Type of what the view shows at `path`; ENOENT if nothing.
  SysResult<bool> is_directory(const GuestPath& path) const;
  void seal_placeholders() const;

  SessionDirectory& session_;
  std::vector<std::string>& warnings_;
  std::vector<Binding> bindings_;
  std::shared_ptr<const View> view_;  ///< of bindings_
  std::vector<std::string> made_;     ///< placeholder directories, outer ones first
  PathCache cache_;
};

Result<std::shared_ptr<const View>> Planner::plan(const std::vector<BindingRequest>& requests) {
  const auto is_root = [](const BindingRequest& request) { return request.guest == "/"; };
  const auto root = std::find_if(requests.rbegin(), requests.rend(), is_root);
  if (root == requests.rend()) return Error{"no root directory was given"};
  if (const auto added = add_root(*root); !added) return added.error();
  for (const BindingRequest& request : requests) {
    if (is_root(request)) continue;
    const auto added = add(request);
    if (added) continue;
    if (!request.optional) return added.error();
    warnings_.push_back(added.error().message);
  }
  // Outer mount points first: whether an inner one exists depends on what is mounted around it.
  std::vector<Binding> wished = view_->bindings();
  std::stable_sort(wished.begin(), wished.end(), [](const Binding& a, const Binding& b) {
    return depth_of(a.guest) < depth_of(b.guest);
  });
  bindings_.assign(1, wished.front());
  view_ = View::make(bindings_);
  for (std::size_t i = 1; i < wished.size(); ++i) {
    if (const auto visible = make_visible(wished[i]); !visible) return visible.error();
    bindings_.push_back(wished[i]);
    const bool holds_more = i + 1 < wished.size();
    if (holds_more) view_ = View::make(bindings_);
  }
  seal_placeholders();
  return View::make(std::move(bindings_));
}

Result<> Planner::add_root(const BindingRequest& request) {
  auto binding = take_host(request);
  if (!binding) return binding.error().in("root");
  if (!binding->is_directory) return failure(request.host, ENOTDIR).in("root");
  bindings_.push_back(*std::move(binding));
  view_ = View::make(bindings_);
  return Done{};
}

Result<> Planner::add(const BindingRequest& request) {
  const std::string wish = request.tmpfs ? "tmpfs " + request.guest : "bind " + request.host;
  auto binding = take_host(request);
  if (!binding) return binding.error().in(wish);
  (*binding).guest = take_guest(request);
  if (binding->guest.is_root()) return failure(request.guest, EBUSY).in(wish);
  bindings_.push_back(*std::move(binding));
  view_ = View::make(bindings_);
  return Done{};
}

Result<Binding> Planner::take_host(const BindingRequest& request) {
  Binding binding{.host = HostPath::root(), .guest = GuestPath::root()};
  binding.read_only = request.read_only;
  if (request.tmpfs) {
    auto made = session_.make_directory(01777);
    if (!made) return made.error();
    binding.host = *std::move(made);
    binding.type = "tmpfs";
    binding.source = "tmpfs";
    return binding;
  }
  char* real = ::realpath(request.host.c_str(), nullptr);
  if (real == nullptr) return failure(request.host, errno);
  binding.host = HostPath::of_canonical(real);
  std::free(real);
  const auto status = stat_of(binding.host.text());
  if (!status) return failure(request.host, status.error().code());
  binding.is_directory = S_ISDIR(status->st_mode);
  return binding;
}

GuestPath Planner::take_guest(const BindingRequest& request) {
  const std::string text = absolute(request.guest.empty() ? request.host : request.guest);
  const ResolveFrom from{.view = *view_, .root = GuestPath::root(), .base = GuestPath::root()};
  const auto last = request.keep_last_link ? LastLink::entry : LastLink::follow;
  const auto found = Resolver(cache_).resolve(from, text, last);
  return found && !found->magic ? found->guest : lexically_canonical(text);
}

SysResult<bool> Planner::is_directory(const GuestPath& path) const {
  const auto status = lstat_of(view_->to_host(path).text());
  if (!status) return status.error();
  return S_ISDIR(status->st_mode);
}

/// Gives a mount point that the tree lacks a place to be seen at.
Result<> Planner::make_visible(Binding& binding) {
  if (const auto there = is_directory(binding.guest); there || there.error() == Errno(EACCES)) {
    return Done{};
  }
  GuestPath missing = binding.guest;
  while (true) {
    const GuestPath above = missing.parent();
    const auto there = is_directory(above);
    if (there && !*there) {
      return failure(above.text(), ENOTDIR).in("bind " + binding.host.text());
    }
    if (there || there.error() == Errno(EACCES) || above.is_root()) break;
    missing = above;
  }
  const Binding& around = view_->binding_of(missing);
  if (around.placeholder) {
    HostPath place = view_->to_host(missing);
    for (std::string_view rest = binding.guest.below(missing); !rest.empty();) {
      if (const auto made = make_place(place, true); !made) return made.error();
      rest.remove_prefix(1);
      const std::size_t end = std::min(rest.find('/'), rest.size());
      place = place.child(rest.substr(0, end));
      rest.remove_prefix(end);
    }
    return make_place(place, binding.is_directory);
  }
  if (missing == binding.guest) {
    binding.unlisted = true;
    return Done{};
  }
  return stand_in(missing, binding);
}

/// Binds a placeholder at `missing` and makes the way to `binding` in it.
Result<> Planner::stand_in(const GuestPath& missing, const Binding& binding) {
  const auto made = session_.make_directory(0755);
  if (!made) return made.error();
  made_.push_back(made->text());
  bindings_.push_back(
      {.host = *made, .guest = missing, .read_only = true, .unlisted = true, .placeholder = true});
  view_ = View::make(bindings_);
  Binding inner = binding;
  return make_visible(inner);
}

Result<> Planner::make_place(const HostPath& place, bool is_directory) {
  if (is_directory) {
    if (::mkdir(place.text().c_str(), 0755) != 0) return failure(place.text(), errno);
    made_.push_back(place.text());
    return Done{};
  }
  const auto fd = open_at(AT_FDCWD, place.text(), O_CREAT | O_EXCL | O_WRONLY, 0444);
  if (!fd) return failure(place.text(), fd.error().code());
  return Done{};
}

void Planner::seal_placeholders() const {
  // Inner ones first, while the outer ones may still be searched.
  for (auto directory = made_.rbegin(); directory != made_.rend(); ++directory) {
    (void)::chmod(directory->c_str(), 0555);  // Binding::read_only holds without it
  }
}

}  // namespace

Result<std::shared_ptr<const View>> make_view(const std::vector<BindingRequest>& requests,
                                              SessionDirectory& session,
                                              std::vector<std::string>& warnings) {
  return Planner(session, warnings).plan(requests);
}

std::vector<MountStep> mount_steps(const View& view) {
  std::vector<const Binding*> ordered;
  for (const Binding& binding : view.bindings())
    ordered.push_back(&binding);
  std::stable_sort(ordered.begin(), ordered.end(), [](const Binding* a, const Binding* b) {
    return depth_of(a->guest) < depth_of(b->guest);
  });
  std::vector<MountStep> steps;
  const auto step = [&](MountStep::Kind kind, const Binding& binding) {
    steps.push_back({.kind = kind, .host = binding.host, .guest = binding.guest});
  };
  for (const Binding* binding : ordered) {
    if (binding->unlisted) {
      step(binding->is_directory ? MountStep::Kind::make_directory : MountStep::Kind::make_file,
           *binding);
    }
    step(MountStep::Kind::bind, *binding);
  }
  // Last, because a read-only outer mount could not get its inner mount points any more.
  for (const Binding* binding : ordered) {
    if (binding->read_only) step(MountStep::Kind::remount_read_only, *binding);
  }
  return steps;
}

}  // namespace nestp
