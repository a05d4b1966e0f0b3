// The namespace backend: the kernel itself shows the guest its tree, at no cost per call.
//
// As root it needs a mount namespace alone; else a user namespace too.  And the chroot backend:
// as root, a root directory and nothing else.
#pragma once

#include <memory>

#include "engine/backend.h"

namespace nestp {

std::unique_ptr<Backend> make_namespace_backend();
std::unique_ptr<Backend> make_chroot_backend();

}  // namespace nestp
