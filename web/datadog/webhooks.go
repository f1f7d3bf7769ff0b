package datadog

import "github.com/gofiber/fiber/v2"

func (a *API) listWebhooks(c *fiber.Ctx) error {
	docs, err := a.Alerting.Webhooks()
	if err != nil {
		return err
	}
	return c.JSON(docs)
}

func (a *API) createWebhook(c *fiber.Ctx) error {
	doc, err := a.Alerting.PutWebhook(c.UserContext(), "", document(c))
	if err == nil {
		c.Status(fiber.StatusCreated)
	}
	return send(c, doc, err)
}

func (a *API) getWebhook(c *fiber.Ctx) error {
	doc, err := a.Alerting.Webhook(c.Params("name"))
	return send(c, doc, err)
}

func (a *API) putWebhook(c *fiber.Ctx) error {
	doc, err := a.Alerting.PutWebhook(c.UserContext(), c.Params("name"), document(c))
	return send(c, doc, err)
}

func (a *API) deleteWebhook(c *fiber.Ctx) error {
	return a.Alerting.DeleteWebhook(c.UserContext(), c.Params("name"))
}
