// Where a walk stands: one file by its guest name and its host name.
//
// Moves one component at a time and keeps both names, the place among the mount
// points and the cache's ids in step.  Follows no links and asks the host nothing.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "fs/path.h"
#include "fs/path_cache.h"
#include "fs/view.h"

namespace nestp {

class Position {
 public:
  Position(const View& view, PathCache& cache) : view_(view), cache_(cache) {}

  /// Goes to a place in the view.
  void enter(const GuestPath& guest);
  /// Goes to a host path that the view does not show.
  void enter_outside(const std::string& host);

  /// The entry `name` here is a mount point.
  bool is_mount(std::string_view name) const { return mounted(name) != View::kNoPlace; }
  /// If the entry `name` here is a mount point: goes there.
  bool enter_mount(std::string_view name);
  /// Goes to the entry `name`, which is no mount point.  `id`: what the cache calls it.
  void push(std::string_view name, PathCache::Id id);
  /// Takes a push() back, or goes up.  Precondition: neither at_mount() nor at "/".
  void pop();
  /// Goes from a mount point up to the directory that holds it.
  /// Precondition: at_mount(), not at "/".
  void leave_mount() { enter(GuestPath::of_canonical(guest_).parent()); }

  bool is_outside() const { return binding_ == nullptr; }
  /// At the mount point of a binding, or at "/".
  bool at_mount() const {
    return binding_ != nullptr && guest_.size() == binding_->guest.text().size();
  }
  /// The directory that nothing is above: of the guest, or outside the view of the host.
  bool at_top() const { return (is_outside() ? host_ : guest_).size() == 1; }
  /// In the host's /proc, where names depend on who asks.
  bool in_proc() const { return in_proc_; }

  const std::string& host() const { return host_; }
  const std::string& guest() const { return guest_; }  ///< meaningless outside
  const Binding* binding() const { return binding_; }  ///< null outside
  PathCache::Id id() const { return depth_ < ids_.size() ? ids_[depth_] : PathCache::kUncached; }

  /// Name of the entry `name` here on the host.
  std::string host_of(std::string_view name) const;

 private:
  View::Place mounted(std::string_view name) const;
  void mount(const Binding& binding);
  void note_proc();

  const View& view_;
  PathCache& cache_;
  std::string guest_;
  std::string host_;
  const Binding* binding_ = nullptr;
  View::Place place_ = View::kNoPlace;
  std::size_t below_place_ = 0;  ///< components since the last place among mount points
  /// Ids from the binding's host path down to here; a path deeper than this is not cached.
  std::array<PathCache::Id, 64> ids_;
  std::size_t depth_ = 0;
  bool in_proc_ = false;
};

}  // namespace nestp
