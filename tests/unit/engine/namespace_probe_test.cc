#include <cerrno>

#include <catch2/catch.hpp>

#include "engine/namespace/probe.h"

namespace nestp {
namespace {

NamespaceFacts refused() { return {.trial = {.failed = NamespaceStep::clone, .error = EPERM}}; }

std::string diagnosis(const NamespaceFacts& facts) {
  return diagnose_namespaces(facts).value_or("none");
}

TEST_CASE("nothing is wrong where nothing failed", "[engine][probe]") {
  CHECK_FALSE(diagnose_namespaces({}).has_value());
}

TEST_CASE("each refusal of namespaces has its cause and its remedy", "[engine][probe]") {
  NamespaceFacts facts = refused();
  CHECK(diagnosis(facts).find("--backend=ptrace") != std::string::npos);
  facts.in_container = true;
  CHECK(diagnosis(facts).find("CAP_SYS_ADMIN") != std::string::npos);
  facts.is_filtered = true;
  CHECK(diagnosis(facts).find("seccomp=unconfined") != std::string::npos);
  facts.trial.error = ENOSPC;
  CHECK(diagnosis(facts).find("nested too deep") != std::string::npos);
  facts.apparmor_restricts = "1";
  CHECK(diagnosis(facts).find("AppArmor") != std::string::npos);
  facts.most_namespaces = "0";
  CHECK(diagnosis(facts).find("user.max_user_namespaces=") != std::string::npos);
  facts.unprivileged_clone = "0";
  CHECK(diagnosis(facts).find("kernel.unprivileged_userns_clone=1") != std::string::npos);
  facts.has_user_namespaces = false;
  CHECK(diagnosis(facts).find("without user namespaces") != std::string::npos);
}

TEST_CASE("what concerns only ordinary users is not told to root", "[engine][probe]") {
  NamespaceFacts facts = refused();
  facts.is_root = true;
  facts.unprivileged_clone = "0";
  facts.apparmor_restricts = "1";
  CHECK(diagnosis(facts).find("root lacks CAP_SYS_ADMIN") != std::string::npos);
}

}  // namespace
}  // namespace nestp
