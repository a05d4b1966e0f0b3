// The ids and capabilities that a guest thread believes it has, and the rules by
// which calls change them: credentials(7), capabilities(7).
//
// Data and arithmetic only; reading a call's arguments is id_calls.cc's duty.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "arch/result.h"

namespace nestp::identity {

using Id = std::uint32_t;
inline constexpr Id kNoId = ~Id{0};  ///< "leave it as it is"; never an id

enum class Capability : std::uint8_t {
  change_owner = 0,            ///< CAP_CHOWN
  override_access = 1,         ///< CAP_DAC_OVERRIDE
  read_anything = 2,           ///< CAP_DAC_READ_SEARCH
  own_anything = 3,            ///< CAP_FOWNER
  keep_set_id = 4,             ///< CAP_FSETID
  send_signals = 5,            ///< CAP_KILL
  set_group = 6,               ///< CAP_SETGID
  set_user = 7,                ///< CAP_SETUID
  set_capabilities = 8,        ///< CAP_SETPCAP
  administer = 21,             ///< CAP_SYS_ADMIN
  set_priority = 23,           ///< CAP_SYS_NICE
  exceed_limits = 24,          ///< CAP_SYS_RESOURCE
  make_nodes = 27,             ///< CAP_MKNOD
  write_audit = 29,            ///< CAP_AUDIT_WRITE
  set_file_capabilities = 31,  ///< CAP_SETFCAP
};

constexpr std::uint64_t bit_of(Capability capability) {
  return std::uint64_t{1} << static_cast<unsigned>(capability);
}

struct CapabilitySets {
  std::uint64_t permitted = 0, effective = 0, inheritable = 0, bounding = 0, ambient = 0;
};

/// SECBIT_* of <linux/securebits.h>.
inline constexpr unsigned kNoRoot = 1;
inline constexpr unsigned kNoRootLocked = 2;
inline constexpr unsigned kNoFixup = 4;
inline constexpr unsigned kKeepCapabilities = 16;
inline constexpr unsigned kKeepCapabilitiesLocked = 32;
inline constexpr unsigned kNoAmbientRaise = 64;

/// Of a user, or of a group.
struct IdSet {
  Id real = 0, effective = 0, saved = 0, file_system = 0;

  bool contains(Id id) const { return id == real || id == effective || id == saved; }
};

struct Credentials {
  IdSet user, group;
  std::vector<Id> groups;
  CapabilitySets capabilities;
  unsigned secure_bits = 0;

  /// As a login of `user` begins; with all capabilities up to `last` if that is root.
  static Credentials of(Id user, Id group, unsigned last_capability);

  bool has(Capability capability) const {
    return (capabilities.effective & bit_of(capability)) != 0;
  }
  bool is_in_group(Id id) const;
  /// As access(2) takes them: the real ids, and root's capabilities if that is the real user
  /// (fs/open.c, access_override_creds).
  Credentials by_real_ids() const;

  // What the calls of these names do; EPERM, EINVAL.  setfsuid(2) gives the former id.
  SysResult<> set_user(Id id);
  SysResult<> set_real_user(Id real, Id effective);
  SysResult<> set_all_users(Id real, Id effective, Id saved);
  Id set_file_system_user(Id id);
  SysResult<> set_group(Id id);
  SysResult<> set_real_group(Id real, Id effective);
  SysResult<> set_all_groups(Id real, Id effective, Id saved);
  Id set_file_system_group(Id id);
  SysResult<> set_groups(std::vector<Id> ids);

  /// capset(2).
  SysResult<> set_capabilities(const CapabilitySets& wanted);
  SysResult<> set_secure_bits(unsigned bits);
  /// prctl(PR_CAPBSET_DROP).
  SysResult<> drop_bounding(std::uint64_t bit);
  /// prctl(PR_CAP_AMBIENT_RAISE).
  SysResult<> raise_ambient(std::uint64_t bit);

 private:
  void follow_user_change(const IdSet& before);
};

/// Who was `before` must not be looked into once it is `now` (kernel/cred.c, commit_creds).
bool ends_dumps(const Credentials& before, const Credentials& now);

}  // namespace nestp::identity
