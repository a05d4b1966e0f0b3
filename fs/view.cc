#include "fs/view.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

namespace nestp {
namespace {

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

/// Calls `take(component)` for each component of a canonical path until it gives false.
template <typename Take>
void for_each_component(std::string_view path, Take take) {
  while (path.size() > 1) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    if (!take(path.substr(0, end))) return;
    path.remove_prefix(end);
    if (path.empty()) return;
  }
}

/// One binding a guest path, the last one given; the one at "/" in front.
std::vector<Binding> without_doubles(std::vector<Binding> bindings) {
  std::unordered_map<std::string, std::size_t> last;
  for (std::size_t i = 0; i < bindings.size(); ++i)
    last[bindings[i].guest.text()] = i;
  std::vector<Binding> kept;
  kept.reserve(last.size());
  for (std::size_t i = 0; i < bindings.size(); ++i) {
    if (last[bindings[i].guest.text()] == i) kept.push_back(std::move(bindings[i]));
  }
  std::stable_partition(kept.begin(), kept.end(),
                        [](const Binding& binding) { return binding.guest.is_root(); });
  return kept;
}

}  // namespace

View::View(std::vector<Binding> bindings, std::vector<Covered> covered)
    : bindings_(without_doubles(std::move(bindings))),
      covered_(std::move(covered)),
      nodes_(1),
      serial_(next_serial()) {
  by_host_.resize(bindings_.size());
  for (std::size_t i = 0; i < bindings_.size(); ++i) {
    const Binding& binding = bindings_[i];
    add_node(i);
    by_host_[i] = i;
    if (!binding.guest.is_root()) mount_names_.emplace(binding.guest.name());
    has_unlisted_ |= binding.unlisted;
    has_read_only_ |= binding.read_only;
  }
  std::sort(by_host_.begin(), by_host_.end(), [this](std::size_t a, std::size_t b) {
    const std::size_t size = bindings_[a].host.text().size();
    const std::size_t other = bindings_[b].host.text().size();
    return size != other ? size > other : a > b;
  });
  ambiguous_ = find_ambiguity();
  for (const Binding& binding : bindings_) {
    if (binding.guest.is_root()) continue;
    mounted_on_.insert(to_host(binding.guest.parent()).child(binding.guest.name()).text());
  }
}

std::shared_ptr<const View> View::make(std::vector<Binding> bindings) {
  return std::shared_ptr<const View>(new View(std::move(bindings), {}));
}

std::shared_ptr<const View> View::with(Binding binding) const {
  std::vector<Binding> shown;
  std::vector<Covered> covered = covered_;
  std::size_t level = 0;
  for (const Covered& old : covered_)
    level = std::max(level, old.level + 1);
  for (const Binding& old : bindings_) {
    if (binding.guest.contains(old.guest)) {
      covered.push_back({.by = binding.guest, .level = level, .binding = old});
    } else {
      shown.push_back(old);
    }
  }
  shown.push_back(std::move(binding));
  return std::shared_ptr<const View>(new View(std::move(shown), std::move(covered)));
}

std::shared_ptr<const View> View::without(const GuestPath& guest) const {
  if (binding_at(guest) == nullptr) return nullptr;
  std::vector<Binding> shown;
  for (const Binding& old : bindings_) {
    if (!guest.contains(old.guest)) shown.push_back(old);
  }
  // What the mounts below covered goes with them; of what this place covered, the newest cover is
  // lifted.
  std::size_t level = 0;
  for (const Covered& old : covered_) {
    if (old.by == guest) level = std::max(level, old.level);
  }
  std::vector<Covered> covered;
  for (const Covered& old : covered_) {
    if (old.by == guest && old.level == level) {
      shown.push_back(old.binding);
    } else if (old.by == guest || !guest.contains(old.by) || old.level < level) {
      covered.push_back(old);
    }
  }
  const bool rooted = std::any_of(shown.begin(), shown.end(),
                                  [](const Binding& binding) { return binding.guest.is_root(); });
  if (!rooted) return nullptr;
  return std::shared_ptr<const View>(new View(std::move(shown), std::move(covered)));
}

std::shared_ptr<const View> View::with_read_only(const GuestPath& guest, bool read_only) const {
  std::vector<Binding> bindings = bindings_;
  for (Binding& binding : bindings) {
    if (binding.guest == guest) binding.read_only = read_only;
  }
  return std::shared_ptr<const View>(new View(std::move(bindings), covered_));
}

std::shared_ptr<const View> View::pivoted(const GuestPath& root, const GuestPath& new_root,
                                          const GuestPath& put_old) const {
  std::vector<Binding> bindings;
  for (Binding binding : bindings_) {
    if (!new_root.contains(binding.guest)) continue;
    binding.guest = root.joined(binding.guest.below(new_root));
    binding.unlisted = binding.unlisted && binding.guest != root;
    bindings.push_back(std::move(binding));
  }
  const GuestPath place = root.joined(put_old.below(new_root));
  // Without the new root, for what it covered at its former place shows again.
  const auto old = without(new_root);
  for (Binding binding : old->bindings_) {
    if (root.contains(binding.guest)) {
      if (put_old == new_root) continue;
      binding.guest = place.joined(binding.guest.below(root));
    }
    bindings.push_back(std::move(binding));
  }
  return make(std::move(bindings));
}

View::Place View::child_place(Place place, std::string_view name) const {
  if (place == kNoPlace) return kNoPlace;
  const auto& children = nodes_[place].children;
  if (children.empty()) return kNoPlace;
  const auto found = children.find(name);
  return found == children.end() ? kNoPlace : found->second;
}

const Binding& View::binding_of(const GuestPath& path) const {
  const Binding* deepest = mounted(kRootPlace);
  Place place = kRootPlace;
  for_each_component(path.text(), [&](std::string_view name) {
    place = child_place(place, name);
    if (place == kNoPlace) return false;
    if (const Binding* binding = mounted(place)) deepest = binding;
    return true;
  });
  return *deepest;
}

const Binding* View::binding_at(const GuestPath& path) const {
  const Binding& binding = binding_of(path);
  return binding.guest == path ? &binding : nullptr;
}

HostPath View::to_host(const GuestPath& path) const {
  const Binding& binding = binding_of(path);
  return binding.host.joined(path.below(binding.guest));
}

SysResult<GuestPath> View::to_guest(const HostPath& path, const GuestPath* hint) const {
  std::optional<GuestPath> best;
  for (const std::size_t index : by_host_) {
    const Binding& binding = bindings_[index];
    if (!binding.host.contains(path)) continue;
    GuestPath name = binding.guest.joined(path.below(binding.host));
    if (&binding_of(name) != &binding) continue;
    if (hint == nullptr || !ambiguous_ || hint->contains(name)) return name;
    if (!best) best = std::move(name);
  }
  if (!best) return Errno(ENOENT);
  return *std::move(best);
}

std::vector<const Binding*> View::unlisted_in(const GuestPath& path) const {
  std::vector<const Binding*> found;
  if (!has_unlisted_) return found;
  for (const Binding& binding : bindings_) {
    if (!binding.unlisted || binding.guest.is_root()) continue;
    if (binding.guest.parent() == path) found.push_back(&binding);
  }
  return found;
}

void View::add_node(std::size_t binding) {
  Place place = kRootPlace;
  for_each_component(bindings_[binding].guest.text(), [&](std::string_view name) {
    const Place child = child_place(place, name);
    if (child != kNoPlace) {
      place = child;
      return true;
    }
    const auto made = static_cast<Place>(nodes_.size());
    nodes_[place].children.emplace(name, made);
    nodes_.emplace_back().parent = place;
    place = made;
    return true;
  });
  nodes_[place].binding = binding;
}

bool View::find_ambiguity() const {
  for (const Binding& outer : bindings_) {
    for (const Binding& inner : bindings_) {
      if (&outer == &inner || !outer.host.contains(inner.host)) continue;
      // Harmless if the name through `outer` is hidden, as with "/home" bound over the root's own.
      const GuestPath name = outer.guest.joined(inner.host.below(outer.host));
      if (&binding_of(name) == &outer) return true;
    }
  }
  return false;
}

}  // namespace nestp
