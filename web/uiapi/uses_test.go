package uiapi

import "testing"

func TestAMetricIsNamedAsAWhole(t *testing.T) {
	named := mentions("shop.cart")
	for text, want := range map[string]bool{
		`avg:shop.cart{*}`: true, `{"q":"sum:shop.cart{*}.as_count()"}`: true, `rate(shop.cart[5m])`: true, `shop.cart`: true,
		`avg:shop.cart.size{*}`: false, `avg:my.shop.cart{*}`: false, `avg:shopXcart{*}`: false, `avg:shop.carts{*}`: false,
	} {
		if named.MatchString(text) != want {
			t.Errorf("%s: found %t", text, !want)
		}
	}
}
