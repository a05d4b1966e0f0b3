// The guest's tree, made of mounts in a mount namespace of its own.
//
// All that is to be mounted is taken hold of before the first mount, so that no mount changes
// what another one shows.  Mount points that the tree lacks are never made in it: their
// directory is covered by an empty one that shows all of its entries again, and is read-only.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "arch/result.h"
#include "engine/guest.h"
#include "fs/fd.h"
#include "fs/path.h"

namespace nestp {

class GuestTree {
 public:
  /// `guest` must outlive it.  `in_user_namespace`: made without the host's root.
  GuestTree(const Guest& guest, bool in_user_namespace)
      : guest_(guest), in_user_namespace_(in_user_namespace) {}

  /// Precondition: the process is in a mount namespace of its own.
  Result<> build();
  /// The process's root and directory become the tree's root.  Precondition: build().
  Result<> enter();

 private:
  /// What is going to be shown somewhere.
  struct Source {
    UniqueFd fd;
    bool is_copy = false;  ///< a detached copy of a mount; else O_PATH of the host's entry
    bool is_directory = true;
  };
  /// An entry of a directory that gets covered.
  struct Shown {
    std::string name;
    std::string link;  ///< text of a symlink; else empty
    Source source;
  };
  struct Covering {
    UniqueFd fd;
    std::string path;
  };

  Result<> hold_sources();
  SysResult<Source> hold(int directory, const std::string& path, bool recursive, bool follow);
  Result<> mount_root();
  Result<> mount_view();
  SysResult<UniqueFd> show(const Source& source, const UniqueFd& place, const std::string& path,
                           bool recursive);
  SysResult<UniqueFd> mount_new(const std::string& type, const UniqueFd& place,
                                const std::string& path, std::uint64_t flags,
                                const std::string& data);
  SysResult<UniqueFd> find(const std::string& path, bool follow) const;
  SysResult<UniqueFd> find_slowly(const std::string& path, bool follow) const;
  /// What is at `path`; made in a covering directory if there is nothing fit to mount on.
  SysResult<UniqueFd> place_at(const GuestPath& path, bool is_directory);
  SysResult<> make_entry(const UniqueFd& directory, const std::string& name, bool is_directory);
  bool is_ours(const UniqueFd& directory, const GuestPath& path) const;
  SysResult<> cover(const UniqueFd& directory, const GuestPath& path, std::string_view without);
  SysResult<std::vector<Shown>> entries_to_show(const UniqueFd& directory,
                                                std::string_view without);
  SysResult<> show_again(const UniqueFd& covering, const GuestPath& path,
                         std::vector<Shown>& entries);
  Result<> seal();
  std::string host_name(const std::string& path) const;

  // acts.cc
  Result<> apply(const MountAct& act, const Source& source);
  SysResult<> apply_bind(const MountAct& act, const Source& source, const GuestPath& path);
  SysResult<> apply_new(const MountAct& act, const std::string& type, const GuestPath& path);
  SysResult<> apply_devices(const GuestPath& path);
  SysResult<> apply_overlay(const MountAct& act, const GuestPath& path);
  SysResult<> apply_file(const MountAct& act, const GuestPath& path);
  SysResult<> apply_bind_data(const MountAct& act, const GuestPath& path);
  SysResult<> apply_act(const MountAct& act, const Source& source, const GuestPath& path);
  GuestPath canonical(const std::string& path) const;

  const Guest& guest_;
  const bool in_user_namespace_;
  std::string base_;  ///< host path at which the tree is mounted until enter()
  UniqueFd root_;
  std::vector<Source> view_sources_;  ///< as guest_.view->bindings()
  std::vector<Source> act_sources_;   ///< as guest_.isolation.mounts
  std::vector<std::pair<std::string, Source>> devices_;
  Source console_;
  std::vector<Covering> coverings_;
  std::set<dev_t> covering_devices_;
};

}  // namespace nestp
