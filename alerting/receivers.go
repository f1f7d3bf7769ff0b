package alerting

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
)

// receivers are the addresses and domains that mails may go to (--mail-only);
// none: all. A domain is allowed with all below it.
type receivers []string

var domain = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

// CheckReceivers says what is wrong with a list of addresses and domains.
func CheckReceivers(list []string) error {
	for _, entry := range list {
		if strings.Contains(entry, "@") {
			if address, err := netmail.ParseAddress(entry); err != nil || address.Address != entry {
				return fmt.Errorf("%q is neither a mail address nor a domain", entry)
			}
		} else if !domain.MatchString(entry) {
			return fmt.Errorf("%q is neither a mail address nor a domain", entry)
		}
	}
	return nil
}

func (r receivers) allow(address string) bool {
	if len(r) == 0 {
		return true
	}
	if parsed, err := netmail.ParseAddress(address); err == nil {
		address = parsed.Address
	}
	address = strings.ToLower(address)
	_, host, ok := strings.Cut(address, "@")
	return ok && slices.ContainsFunc(r, func(entry string) bool {
		entry = strings.ToLower(entry)
		return entry == address || entry == host || strings.HasSuffix(host, "."+entry)
	})
}

// among is those of to who may get mails.
func (r receivers) among(to []string) []string {
	return slices.DeleteFunc(slices.Clone(to), func(a string) bool { return !r.allow(a) })
}

// others is those of to who may not.
func (r receivers) others(to []string) []string {
	return slices.DeleteFunc(slices.Clone(to), r.allow)
}

// errNotAllowed is a mail to nobody whom the settings let have mails.
var errNotAllowed = errors.New("the settings let mails go to others only (--mail-only)")

func (r receivers) refuse(to []string) error {
	return fmt.Errorf("%s: %w", strings.Join(to, ", "), errNotAllowed)
}

// mayReach refuses addresses that the settings don't let have mails.
func (s *Service) mayReach(to []string) error {
	if others := s.receivers.others(to); len(others) > 0 {
		return &FieldError{Field: "to", Value: strings.Join(others, ", "), Allowed: strings.Join(s.receivers, ", ") + " (--mail-only)"}
	}
	return nil
}
