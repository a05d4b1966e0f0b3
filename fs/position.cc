#include "fs/position.h"

#include <algorithm>

namespace nestp {
namespace {

void append_component(std::string& path, std::string_view name) {
  if (path.size() != 1) path += '/';
  path += name;
}

void remove_component(std::string& path) {
  const std::size_t slash = path.rfind('/');
  path.resize(slash == 0 ? 1 : slash);
}

}  // namespace

void Position::enter(const GuestPath& guest) {
  guest_ = "/";
  place_ = View::kRootPlace;
  below_place_ = 0;
  mount(*view_.mounted(View::kRootPlace));
  std::string_view rest = std::string_view(guest.text()).substr(1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view name = rest.substr(0, end);
    if (!enter_mount(name)) push(name, cache_.child(id(), name));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void Position::enter_outside(const std::string& host) {
  binding_ = nullptr;
  place_ = View::kNoPlace;
  host_ = host;
  guest_ = "/";
  depth_ = 0;
  ids_[0] = cache_.locate(host_);
  note_proc();
}

/// Place of the mount point `name` here, or kNoPlace.
View::Place Position::mounted(std::string_view name) const {
  if (place_ == View::kNoPlace || below_place_ > 0) return View::kNoPlace;
  const View::Place child = view_.child_place(place_, name);
  if (child == View::kNoPlace || view_.mounted(child) == nullptr) return View::kNoPlace;
  return child;
}

bool Position::enter_mount(std::string_view name) {
  const View::Place child = mounted(name);
  if (child == View::kNoPlace) return false;
  append_component(guest_, name);
  place_ = child;
  mount(*view_.mounted(child));
  return true;
}

void Position::push(std::string_view name, PathCache::Id id) {
  append_component(host_, name);
  if (binding_ != nullptr) {
    append_component(guest_, name);
    const View::Place child = below_place_ == 0 ? view_.child_place(place_, name) : View::kNoPlace;
    if (child == View::kNoPlace) {
      ++below_place_;
    } else {
      place_ = child;
    }
  }
  ++depth_;
  if (depth_ < ids_.size()) ids_[depth_] = id;
  if (!in_proc_) note_proc();
  if (in_proc_ && depth_ < ids_.size()) ids_[depth_] = PathCache::kUncached;
}

void Position::pop() {
  remove_component(host_);
  if (in_proc_) note_proc();
  if (depth_ > 0) {
    --depth_;
  } else {
    ids_[0] = cache_.locate(host_);  // above the start, outside the view
  }
  if (binding_ == nullptr) return;
  remove_component(guest_);
  if (below_place_ > 0) {
    --below_place_;
  } else {
    place_ = view_.parent_place(place_);
  }
}

std::string Position::host_of(std::string_view name) const {
  std::string path;
  path.reserve(host_.size() + 1 + name.size());
  path = host_;
  append_component(path, name);
  return path;
}

void Position::mount(const Binding& binding) {
  binding_ = &binding;
  host_ = binding.host.text();
  depth_ = 0;
  note_proc();
  ids_[0] = in_proc_ ? PathCache::kUncached : cache_.locate(host_);
}

void Position::note_proc() {
  in_proc_ = host_.starts_with("/proc") && (host_.size() == 5 || host_[5] == '/');
}

}  // namespace nestp
