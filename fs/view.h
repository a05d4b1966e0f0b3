// The guest's file tree as a map: mounts, the deepest of which decides a path.
//
// Immutable once made, so threads, backends and caches share one by
// shared_ptr<const View>; a guest's own mount(2) makes a new one.  It does no
// I/O: following symlinks is fs/resolve.h, finding out which mount points the
// root file system lacks is fs/mount_plan.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "arch/result.h"
#include "fs/path.h"

namespace nestp {

/// A host path shown at a guest path.  The root file system is the binding at "/".
struct Binding {
  HostPath host;
  GuestPath guest;
  bool read_only = false;
  bool is_directory = true;
  /// The mount point has no entry in the tree below it: it is merged into the
  /// listing of its parent directory.
  bool unlisted = false;
  /// A read-only directory that nestp invented because a deeper mount point
  /// needs it; shown in no mount table.
  bool placeholder = false;
  /// File system type and source for mount tables; empty: taken from the host.
  std::string type{};
  std::string source{};
};

class View {
 public:
  /// The last of several bindings with one guest path wins; of nested ones the
  /// deepest, in whatever order they come.
  /// Precondition: one of them is at "/" and is a directory.
  static std::shared_ptr<const View> make(std::vector<Binding> bindings);

  /// This view with one binding more, as mount(2) adds it: it covers what is
  /// mounted at and below its mount point.
  std::shared_ptr<const View> with(Binding binding) const;
  /// This view without the binding at exactly `guest` and those below it; what
  /// it covered shows again.  Null if there is none, or none is left at "/".
  std::shared_ptr<const View> without(const GuestPath& guest) const;
  /// This view with the binding at exactly `guest` read-only or not.
  /// Precondition: binding_at(guest).
  std::shared_ptr<const View> with_read_only(const GuestPath& guest, bool read_only) const;
  /// This view as pivot_root(2) leaves it to a thread with root directory `root`:
  /// `new_root` and what is below it move there, what was there moves to where
  /// `put_old` then is; if that is `new_root` itself, what was there goes.
  /// Precondition: bindings at `root` and at `new_root`, which is below it and
  /// contains `put_old`.
  std::shared_ptr<const View> pivoted(const GuestPath& root, const GuestPath& new_root,
                                      const GuestPath& put_old) const;

  /// In the order they were mounted; the one at "/" first.
  const std::vector<Binding>& bindings() const { return bindings_; }

  /// The deepest binding that contains `path`.
  const Binding& binding_of(const GuestPath& path) const;
  /// The binding mounted at exactly `path`, or null.
  const Binding* binding_at(const GuestPath& path) const;
  /// True if a mount stands on the host's entry `host`, by whatever name the guest
  /// reaches it: it can be neither removed nor renamed.
  bool is_mounted_on(const std::string& host) const { return mounted_on_.contains(host); }
  /// True if some binding's last component is `name`: a cheap "cannot be a mount point".
  bool is_mount_name(std::string_view name) const { return mount_names_.contains(name); }

  HostPath to_host(const GuestPath& path) const;
  /// The guest's name of a host path; of several the one below `hint` if any,
  /// then the deepest binding's, then the last mounted one's.  Hidden names (covered by a deeper
  /// binding) are never given.  ENOENT if the guest cannot see `path` at all.
  SysResult<GuestPath> to_guest(const HostPath& path, const GuestPath* hint = nullptr) const;
  /// True if a host path may have more than one guest name.
  bool is_ambiguous() const { return ambiguous_; }

  /// Bindings to merge into the listing of directory `path` (Binding::unlisted).
  std::vector<const Binding*> unlisted_in(const GuestPath& path) const;
  bool has_unlisted() const { return has_unlisted_; }
  bool has_read_only() const { return has_read_only_; }

  /// Different for each View ever made in this process; caches are keyed by it.
  std::uint64_t serial() const { return serial_; }

  /// A node in the tree of mount points and their parents, for a walk that keeps
  /// pace with a path and asks nothing more once no mount point lies below.
  using Place = std::uint32_t;
  static constexpr Place kRootPlace = 0;
  static constexpr Place kNoPlace = ~Place{0};  ///< no mount point here or below
  Place child_place(Place place, std::string_view name) const;
  Place parent_place(Place place) const { return nodes_[place].parent; }
  /// Null if `place` only leads to mount points.
  const Binding* mounted(Place place) const {
    const std::size_t index = nodes_[place].binding;
    return index == kNoBinding ? nullptr : &bindings_[index];
  }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };
  struct Node {
    Place parent = kRootPlace;
    std::size_t binding = kNoBinding;  ///< index of bindings_
    std::unordered_map<std::string, Place, TextHash, std::equal_to<>> children;
  };
  /// A binding that mount(2) hid; `by` and `level` tell which mount hid it.
  struct Covered {
    GuestPath by;
    std::size_t level;
    Binding binding;
  };
  static constexpr std::size_t kNoBinding = ~std::size_t{0};

  View(std::vector<Binding> bindings, std::vector<Covered> covered);
  void add_node(std::size_t binding);
  bool find_ambiguity() const;

  std::vector<Binding> bindings_;
  std::vector<Covered> covered_;
  std::vector<Node> nodes_;  ///< nodes_[kRootPlace] is "/"
  std::unordered_set<std::string, TextHash, std::equal_to<>> mount_names_;
  std::unordered_set<std::string> mounted_on_;  ///< host paths below mount points
  std::vector<std::size_t> by_host_;            ///< indexes of bindings_, longest host path first
  bool ambiguous_ = false;
  bool has_unlisted_ = false;
  bool has_read_only_ = false;
  std::uint64_t serial_ = 0;
};

}  // namespace nestp
